#!/bin/bash
# Run by the ClickHouse image at each start: the loader's login, in its role alone. The role's rights
# come from `liaison provision`.
set -eu
clickhouse-client --user "$CLICKHOUSE_USER" --password "$CLICKHOUSE_PASSWORD" --multiquery <<SQL
CREATE ROLE IF NOT EXISTS liaison_loader;
CREATE USER IF NOT EXISTS loader IDENTIFIED WITH sha256_password BY '$LOADER_PASSWORD';
GRANT liaison_loader TO loader;
SET DEFAULT ROLE liaison_loader TO loader;
SQL
