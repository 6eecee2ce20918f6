#!/bin/bash
# Run by the ClickHouse image at each start: the loader's login, in its role alone. The role's
# rights come from `liaison provision`.
#
# The client takes its own login from CLICKHOUSE_USER and CLICKHOUSE_PASSWORD: on a command line
# every process of the machine could read it. Of the loader's password SQL gets the digest, which
# needs no quoting and tells a log nothing; it is set at each start, so that a new one takes effect.
set -euo pipefail
digest=$(printf %s "$LOADER_PASSWORD" | sha256sum)
clickhouse-client --multiquery <<SQL
CREATE ROLE IF NOT EXISTS liaison_loader;
CREATE USER IF NOT EXISTS loader IDENTIFIED WITH sha256_hash BY '${digest%% *}';
ALTER USER loader IDENTIFIED WITH sha256_hash BY '${digest%% *}';
GRANT liaison_loader TO loader;
SET DEFAULT ROLE liaison_loader TO loader;
SQL
