"""Migrations and the contract's views on empty, used and busy databases (LEDGER §16, §17)."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from processor.calls.errors import ConfigError, StorageUnavailable
from storage.ingest.writer import Writer
from storage.schema import migrate as migration
from storage.schema.grafana_role import READER
from storage.schema.migrate import migrate, migrations, view_checksum
from tests.storage.ledger import call, rows, totals, value, write

both_servers = pytest.mark.both_servers  # not where only our own bookkeeping of migrations is at stake

COLUMNS = """
    SELECT table_schema, table_name, column_name, data_type, collation_name, is_nullable
    FROM information_schema.columns WHERE table_schema IN ('genai', '_genai') ORDER BY 1, 2, 3
"""


@both_servers
def test_a_fresh_database_has_every_migration_and_the_contract(database: str) -> None:
    migrate(database)
    applied = rows(database, "SELECT version FROM _genai.schema_version ORDER BY 1")
    assert [v for (v,) in applied] == [m.version for m in migrations()]
    assert value(database, "SELECT checksum FROM _genai.contract_version") == view_checksum()
    timescale = value(database, "SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'")
    if timescale:
        assert value(database, "SELECT count(*) FROM timescaledb_information.hypertables") == 1


@both_servers
def test_migrating_again_touches_nothing(database: str) -> None:
    migrate(database)
    before = value(database, "SELECT applied_at FROM _genai.contract_version")
    tables = rows(database, "SELECT oid FROM pg_class WHERE relnamespace = 'genai'::regnamespace ORDER BY 1")
    migrate(database)
    assert value(database, "SELECT applied_at FROM _genai.contract_version") == before
    assert (
        rows(database, "SELECT oid FROM pg_class WHERE relnamespace = 'genai'::regnamespace ORDER BY 1")
        == tables
    )


@both_servers
def test_a_database_migrated_step_by_step_equals_a_fresh_one(database: str, migrated_database: str) -> None:
    for step in migrations():
        migrate(database, up_to=step.version)
    migrate(database)
    assert rows(database, COLUMNS) == rows(migrated_database, COLUMNS)


def test_workers_that_start_together_migrate_once(database: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(migrate, [database] * 4))
    assert value(database, "SELECT count(*) FROM _genai.schema_version") == len(migrations())


def test_databases_of_one_cluster_create_the_role_at_the_same_time(database: str) -> None:
    admin = psycopg.connect(database, autocommit=True)
    names = [f"{admin.info.dbname}_{n}" for n in range(2)]
    for name in names:
        admin.execute(f'CREATE DATABASE "{name}"'.encode())
    try:
        uris = [psycopg.conninfo.make_conninfo(database, dbname=name) for name in names]
        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(migrate, uris)) == [[], []]
    finally:
        for name in names:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
        admin.close()


def test_a_changed_view_replaces_the_whole_contract(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(database)
    for file in migration.view_files():
        (tmp_path / file.name).write_text(file.read_text())
    (tmp_path / "999_more.sql").write_text("CREATE VIEW genai.more AS SELECT 1 AS one;")
    monkeypatch.setattr(migration.view_files, "__defaults__", (tmp_path,))
    monkeypatch.setattr(migration.view_checksum, "__defaults__", (tmp_path,))
    migrate(database)
    assert value(database, "SELECT one FROM genai.more") == 1
    assert value(database, f"SELECT has_table_privilege('{READER}', 'genai.more', 'SELECT')")


@pytest.fixture
def newer(database: str, tmp_path: Path) -> str:
    """A database that a later version of the views was applied to, after ours."""
    migrate(database)
    for file in migration.view_files():
        (tmp_path / file.name).write_text(file.read_text())
    (tmp_path / "999_more.sql").write_text("CREATE VIEW genai.more AS SELECT 1 AS one;")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(migration.view_files, "__defaults__", (tmp_path,))
        patched.setattr(migration.view_checksum, "__defaults__", (tmp_path,))
        migrate(database)
        migrate(database)
    return database


def test_an_older_version_does_not_put_its_views_back(newer: str) -> None:
    with pytest.raises(ConfigError, match=r"a newer version .* migrate --take-back"):
        migrate(newer)
    assert value(newer, "SELECT one FROM genai.more") == 1


def test_an_operator_takes_the_views_back_and_can_go_forward_again(
    newer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(newer, take_back=True)
    migrate(newer)
    assert value(newer, "SELECT to_regclass('genai.more')") is None
    monkeypatch.setattr(migration.view_files, "__defaults__", (tmp_path,))
    monkeypatch.setattr(migration.view_checksum, "__defaults__", (tmp_path,))
    migrate(newer)
    assert value(newer, "SELECT one FROM genai.more") == 1


def test_a_migration_that_this_version_does_not_know_is_of_a_newer_one(database: str) -> None:
    migrate(database)
    with psycopg.connect(database) as connection:
        connection.execute("INSERT INTO _genai.schema_version VALUES (9999, '9999_later')")
        connection.execute("UPDATE _genai.contract_version SET checksum = 'later'")
    with pytest.raises(ConfigError, match="it has migration 9999"):
        migrate(database)


@both_servers
def test_a_migration_under_traffic_loses_nothing(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate(database)
    stop, sent = threading.Event(), []

    def send() -> None:
        writer = Writer(database)
        while not stop.is_set():
            batch = [call(f"{len(sent)}.{i}") for i in range(20)]
            write(writer, batch)
            sent.append(batch)
        writer.close()

    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(send)
        for _ in range(5):
            with psycopg.connect(database, autocommit=True) as connection:
                connection.execute("UPDATE _genai.contract_version SET checksum = 'older'")
            migrate(database)
        stop.set()
        sending.result()
    assert len(sent) > 5
    assert totals(database)[0] == 20 * len(sent)


def test_a_lock_that_is_never_free_ends_with_a_retryable_error(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration, "LOCK_TIMEOUT_SECONDS", 0.1)
    migrate(database)
    with psycopg.connect(database) as blocker:
        blocker.execute("SELECT count(*) FROM genai.model_call")
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("UPDATE _genai.contract_version SET checksum = 'older'")
        with pytest.raises(StorageUnavailable):
            migrate(database, patience_seconds=0.5)
    migrate(database)


def test_a_database_that_is_away_is_retryable() -> None:
    with pytest.raises(StorageUnavailable):
        migrate("host=127.0.0.1 port=1 dbname=x user=x")


def test_a_user_who_may_not_create_schemas_is_told_so(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        role = f"poor_{admin.info.dbname[-12:]}"
        admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x'".encode())
        try:
            with pytest.raises(ConfigError, match="permission denied"):
                migrate(psycopg.conninfo.make_conninfo(database, user=role, password="x"))
        finally:
            admin.execute(f"DROP ROLE {role}".encode())


@both_servers
def test_an_owner_without_rights_on_roles_gets_a_warning_and_a_working_ledger(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.schema.grafana_role.READER", "reader_that_is_missing")
    with psycopg.connect(database, autocommit=True) as admin:
        name = admin.info.dbname
        role = f"owner_{name[-12:]}"
        admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x'".encode())
        admin.execute(f'ALTER DATABASE "{name}" OWNER TO {role}'.encode())
        uri = psycopg.conninfo.make_conninfo(database, user=role, password="x")
        (warning,) = migrate(uri)
        assert "CREATE ROLE reader_that_is_missing" in warning
        writer = Writer(uri)
        assert write(writer, [call("a")])[:2] == (1, 0)
        writer.close()
        admin.execute(f'ALTER DATABASE "{name}" OWNER TO CURRENT_USER'.encode())
        admin.execute(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}".encode())


# The reader (LEDGER §17)


@pytest.fixture
def reader(migrated_database: str) -> str:
    # The role is the cluster's: a test beside this one may be setting the same password.
    same = contextlib.suppress(psycopg.errors.InternalError)
    with psycopg.connect(migrated_database, autocommit=True) as admin, same:
        admin.execute(f"ALTER ROLE {READER} PASSWORD 'reads'".encode())
    migrate(migrated_database)  # a database copied from a template is open to PUBLIC again
    return psycopg.conninfo.make_conninfo(migrated_database, user=READER, password="reads")


@both_servers
def test_the_reader_reads_the_contract_in_utc(reader: str) -> None:
    views = rows(reader, "SELECT viewname FROM pg_views WHERE schemaname = 'genai'")
    assert len(views) > 10
    for (view,) in views:
        rows(reader, f"SELECT * FROM genai.{view} LIMIT 1")  # noqa: S608
    now = "now() - interval '1 day', now()"
    for asked in (f"window_cut({now})", f"compare({now}, p_dimension => 'tenant')"):
        rows(reader, f"SELECT * FROM genai.{asked}")  # noqa: S608
    assert value(reader, "SHOW timezone") == "UTC"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM _genai.model_call",
        "SELECT * FROM _genai.api_key",
        "SELECT _genai.total(1)",
        "SELECT * FROM _genai.rollup_difference(now(), now())",
        "SET default_transaction_read_only = off; CREATE TEMP TABLE t (x int)",
        "SET default_transaction_read_only = off; CREATE TABLE genai.t (x int)",
        "SET default_transaction_read_only = off; DELETE FROM genai.setting",
    ],
)
def test_the_reader_can_do_nothing_else(reader: str, statement: str) -> None:
    with psycopg.connect(reader, autocommit=True) as connection:
        *first, last = statement.split("; ")
        for part in first:
            connection.execute(part.encode())
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(last.encode())


@both_servers
def test_nobody_else_may_use_the_database_or_a_function(reader: str) -> None:
    public = """
        SELECT count(*) FROM pg_database, aclexplode(datacl) a
        WHERE datname = current_database() AND a.grantee = 0
    """
    assert value(reader, public) == 0
    functions = """
        SELECT count(*) FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
        WHERE p.pronamespace IN ('genai'::regnamespace, '_genai'::regnamespace) AND a.grantee = 0
    """
    with psycopg.connect(reader) as connection:
        assert connection.execute(functions.encode()).fetchone() == (0,)
        limit = connection.execute(
            "SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    assert limit == (20,)


@both_servers
def test_no_function_of_the_contract_runs_with_others_rights(migrated_database: str) -> None:
    # SET forbids inlining: only PL/pgSQL over arrays, never inlined, may pin how it is planned; and one
    # function, which from its sixth call on would be planned for all windows alike.
    query = """
        SELECT count(*) FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
        WHERE p.pronamespace = 'genai'::regnamespace AND (p.prosecdef OR p.proconfig IS NOT NULL
            AND p.proconfig <> ARRAY['plan_cache_mode=force_custom_plan'] AND (
            l.lanname <> 'plpgsql' OR NOT p.proconfig
                <@ ARRAY['plan_cache_mode=force_generic_plan', 'enable_nestloop=off']))
    """
    assert value(migrated_database, query) == 0
