#!/bin/sh
# Runs once, while the database volume is empty: the role that Grafana logs in as gets its password here. What it may
# read, `spanledger migrate` grants. Another password later: ALTER ROLE grafana_reader PASSWORD '...'.
set -e
psql --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set ON_ERROR_STOP=1 --set "password=$GRAFANA_READER_PASSWORD" <<'SQL'
CREATE ROLE grafana_reader LOGIN NOINHERIT CONNECTION LIMIT 20 PASSWORD :'password';
SQL
