"""Migration files are numbered, paired and split as they are meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import ConfigurationError
from sinks.clickhouse import load_migrations
from sinks.clickhouse.migrate import with_login


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        direction = name.rsplit("_", 1)
        (folder / f"{direction[0].lstrip('n')}.{direction[1]}.sql").write_text(text)
    return folder


def test_the_packaged_ones_are_whole() -> None:
    known = load_migrations()
    assert [migration.number for migration in known] == list(range(1, len(known) + 1))
    for migration in known:
        assert migration.up
        assert migration.down
        assert all("IF NOT EXISTS" in statement for statement in migration.up), migration.name
        assert all("IF EXISTS" in statement for statement in migration.down), migration.name
        created = {s.split("IF NOT EXISTS")[1].split()[0] for s in migration.up}
        dropped = {s.split("IF EXISTS")[1].split()[0] for s in migration.down}
        # what lies in a database goes with it
        gone = {name for name in created if name.split(".")[0] in dropped} | dropped
        assert gone == created, migration.name


def test_statements_end_at_a_semicolon_at_a_line_s_end(tmp_path: Path) -> None:
    write(tmp_path, n0001_a_up="SELECT 'x;y';\nSELECT\n  2;\n", n0001_a_down="SELECT 3")
    (migration,) = load_migrations(tmp_path)
    assert migration.up == ("SELECT 'x;y'", "SELECT\n  2")
    assert migration.down == ("SELECT 3",)


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({"n0001_a_up": "x"}, "both an up and a down"),
        ({"n0002_a_up": "x", "n0002_a_down": "x"}, "without gaps"),
        ({"n0001_a_up": "x", "n0001_b_down": "x"}, "two names"),
        ({"n1_a_up": "x"}, "no migration's name"),
    ],
)
def test_a_folder_that_is_not_whole_is_refused(
    tmp_path: Path, files: dict[str, str], complaint: str
) -> None:
    write(tmp_path, **files)
    with pytest.raises(ConfigurationError, match=complaint):
        load_migrations(tmp_path)


def test_dictionaries_read_their_tables_with_the_login_that_made_them() -> None:
    sources = [sql for m in load_migrations() for sql in m.up if "CREATE DICTIONARY" in sql]
    assert sources
    for sql in sources:
        assert with_login(sql, "default", "") == sql
        told = with_login(sql, "liaison", "it's")
        assert "SOURCE(CLICKHOUSE(USER 'liaison' PASSWORD 'it\\'s' QUERY '" in told
