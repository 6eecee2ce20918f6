"""Statements that try to reach out of the database, each by a way that ClickHouse has.

`{secret}` is a file to read, `{written}` one that must not appear, `{port}` a port of this machine
that nobody may connect to.
"""

from __future__ import annotations

__all__ = ["HOSTILE", "HOSTILE_SETTINGS"]

_DICTIONARY = (
    "CREATE DICTIONARY main.d (a String, b String DEFAULT 'x') PRIMARY KEY a SOURCE({source}) "
    "LAYOUT(COMPLEX_KEY_HASHED()) LIFETIME(0)"
)
_SOURCES = (
    "EXECUTABLE(command 'touch {written}' format 'CSV')",
    "FILE(path '{secret}' format 'CSV')",
    "HTTP(url 'http://127.0.0.1:{port}/' format 'CSV')",
    "CLICKHOUSE(host '127.0.0.1' port {port} table 't')",
    "CLICKHOUSE(table 't' where 'file(''{secret}'') = a')",
    "CLICKHOUSE(query 'SELECT file(''{secret}''), 1')",
    "CLICKHOUSE(query 'SELECT 1, 2' invalidate_query 'SELECT file(''{secret}'')')",
    "MYSQL(host '127.0.0.1' port {port} db 'd' table 't' user 'u' password 'p')",
    "POSTGRESQL(host '127.0.0.1' port {port} db 'd' table 't' user 'u' password 'p')",
    "REDIS(host '127.0.0.1' port {port})",
    "MONGODB(host '127.0.0.1' port {port} db 'd' collection 'c' user 'u' password 'p')",
    "ODBC(connection_string 'x' table 't')",
)

HOSTILE = (
    # writing files
    "SELECT 'pwned' INTO OUTFILE '{written}' FORMAT CSV",
    "SELECT 'pwned' AS a$$ INTO OUTFILE '{written}' FORMAT CSV -- $$",
    "SELECT 1$$ INTO OUTFILE '{written}' FORMAT CSV -- $$",
    "SELECT $a b$ ' $a b$ INTO OUTFILE '{written}' FORMAT CSV -- '",
    "SELECT 'pwned' INTO\u3000OUTFILE '{written}' FORMAT CSV",
    "SELECT 'pwned' INTO\u00a0OUTFILE '{written}' FORMAT CSV",
    "SELECT 'pwned' INTO\u2028OUTFILE '{written}' FORMAT CSV",
    "SELECT 'pwned' // ' \n INTO OUTFILE '{written}' FORMAT CSV -- '",
    "SELECT 'pwned' /* /* */ ' */ */ INTO OUTFILE '{written}' FORMAT CSV -- '",
    "EXPLAIN SELECT 'pwned' INTO OUTFILE '{written}'",
    "INSERT INTO FUNCTION file('{written}', 'CSV', 'a Int8') SELECT 1",
    # reading files
    "INSERT INTO main.t FROM INFILE '{secret}' FORMAT LineAsString",
    "INSERT INTO main.t FROM\u3000INFILE '{secret}' FORMAT\u3000LineAsString",
    "INSERT INTO main.t SELECT a FROM input('a String, b String DEFAULT file(''{secret}'')') "
    "FORMAT CSV\nx\n",
    "SELECT file('{secret}')",
    "INSERT INTO main.t (a) SELECT arrayMap(file, ['{secret}'])[1]",
    "INSERT INTO main.t SELECT * APPLY file FROM (SELECT '{secret}' AS a)",
    "INSERT INTO FUNCTION null('a String') (a) SELECT arrayMap(file, ['{secret}'])[1]",
    "SELECT file\u3000('{secret}')",
    "SELECT `fil\\x65`('{secret}')",
    "SELECT * APPLY file FROM (SELECT '{secret}' AS a)",
    "SELECT * APPLY(`file`) FROM (SELECT '{secret}' AS a)",
    "SELECT arrayMap(file, ['{secret}'])",
    "SELECT * FROM file('{secret}', LineAsString)",
    "SELECT * FROM default.`{secret}`",
    "SELECT * FROM format(JSONEachRow, 'a String, b String DEFAULT file(''{secret}'')', '{{}}')",
    "SELECT * FROM format('JSONEachRow', concat('a String DEFAULT fi', 'le(''{secret}'')'), "
    "'{{}}')",
    "SELECT * FROM eval('SELECT file(''{secret}'')')",
    "SELECT * FROM eval('SELECT file(''{secret}'')') "
    "SETTINGS allow_experimental_eval_table_function = 1",
    "SELECT * FROM python(sys)",
    "CREATE FUNCTION reads AS (path) -> file(path)",
    "CREATE VIEW main.v (a String) AS SELECT file('{secret}') AS a",
    "CREATE TABLE main.f (a String) ENGINE = File(LineAsString, '{secret}')",
    "CREATE TABLE main.f (a String) ENGINE = File\u3000(LineAsString, '{secret}')",
    "CREATE TABLE main.f (a String) ENGINE = SQLite('{written}', 't')",
    "CREATE DATABASE f ENGINE = Filesystem('/')",
    "CREATE DATABASE f ENGINE = SQLite('{written}')",
    "SELECT 1 FORMAT Template SETTINGS format_template_resultset = '{secret}'",
    "SELECT 1 FORMAT Template SETTINGS format_template_row = '{secret}'",
    "SELECT 1 SETTINGS additional_result_filter = 'throwIf(1, file(''{secret}''))'",
    "SELECT * FROM system.one SETTINGS additional_table_filters = "
    "{{'system.one': 'throwIf(1, file(''{secret}''))'}}",
    "CREATE TABLE main.f (a Int8) ENGINE = MergeTree ORDER BY a "
    "SETTINGS disk = disk(type = 'local', path = '{written}/')",
    "CREATE TABLE main.f (a Int8) ENGINE = MergeTree ORDER BY a SETTINGS disk = "
    "disk(type = object_storage, object_storage_type = local, metadata_type = plain, "
    "path = '{written}/')",
    "ATTACH TABLE main.f FROM '{written}/' (a Int8) ENGINE = MergeTree ORDER BY a",
    "RESTORE TABLE main.f FROM File('{secret}')",
    # other servers
    "CREATE TABLE main.f (a String) ENGINE = URL('http://127.0.0.1:{port}/', LineAsString)",
    "CREATE TABLE main.f (a String) ENGINE = Kafka('127.0.0.1:{port}', 't', 'g', 'CSV')",
    "CREATE TABLE main.f (a Int8) ENGINE = MergeTree ORDER BY a "
    "SETTINGS disk = disk(type = web, endpoint = 'http://127.0.0.1:{port}/')",
    "CREATE DATABASE f ENGINE = MySQL('127.0.0.1:{port}', 'd', 'u', 'p')",
    "CREATE DATABASE f ENGINE = PostgreSQL('127.0.0.1:{port}', 'd', 'u', 'p')",
    "CREATE DATABASE f ENGINE = Remote('127.0.0.1:{port}', 'd')",
    "CREATE DATABASE f ENGINE = S3('http://127.0.0.1:{port}/bucket')",
    *(
        f"CREATE DATABASE f ENGINE = {name}('http://127.0.0.1:{{port}}/') "
        "SETTINGS catalog_type = 'unity', warehouse = 'x'"
        for name in ("DataLakeCatalog", "`DataLakeCatalog`", "/* */ DataLakeCatalog")
    ),
    "SELECT * FROM url('http://127.0.0.1:{port}/', LineAsString)",
    "SELECT * FROM remote('127.0.0.1:{port}', 'a.b')",
    *(_DICTIONARY.replace("{source}", source) for source in _SOURCES),
    _DICTIONARY.replace("({source})", "\u3000(HTTP(url 'http://127.0.0.1:{port}/' format 'CSV'))"),
    # other people's statements
    "KILL QUERY WHERE 1 ASYNC",
    "KILL\u3000QUERY WHERE 1 ASYNC",
    "SELECT 1 PARALLEL WITH KILL QUERY WHERE 1 ASYNC",
)

HOSTILE_SETTINGS = (
    ("select", "file('{secret}')"),
    ("filter", "throwIf(1, file('{secret}'))"),
    ("order", "throwIf(1, file('{secret}'))"),
    ("additional_result_filter", "throwIf(1, file('{secret}'))"),
    ("dialect", "kusto"),
    ("allow_experimental_eval_table_function", "1"),
    ("format_schema", "{secret}:Message"),
    ("output_format_schema", "{written}"),
    ("input_format_record_errors_file_path", "{written}"),
    ("format_avro_schema_registry_url", "http://127.0.0.1:{port}/"),
)
