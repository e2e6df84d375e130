#!/bin/sh
# Runs once, as the superuser, while the database volume is empty: the two roles that log in. The service owns its
# database and is no superuser; Grafana reads what `spanledger migrate` grants. Another password later:
# ALTER ROLE spanledger PASSWORD '...'.
set -e
psql --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set ON_ERROR_STOP=1 --set "database=$POSTGRES_DB" \
    --set owner=spanledger --set "owner_password=$SERVICE_PASSWORD" --set "reader_password=$GRAFANA_READER_PASSWORD" <<'SQL'
CREATE ROLE grafana_reader LOGIN NOINHERIT CONNECTION LIMIT 20 PASSWORD :'reader_password';
CREATE ROLE :"owner" LOGIN CREATEROLE PASSWORD :'owner_password';
-- It sets the reader's defaults, and ends statements of it that run too long.
GRANT grafana_reader TO :"owner" WITH ADMIN OPTION;
ALTER DATABASE :"database" OWNER TO :"owner";
SQL
