"""The fixtures themselves: servers of the run, databases of the test."""

import psycopg


def test_a_database_is_empty_and_of_the_right_kind(database: str, server_kind: str) -> None:
    with psycopg.connect(database) as connection:
        tables = "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = 'public'"
        extension = "SELECT count(*) FROM pg_catalog.pg_extension WHERE extname = 'timescaledb'"
        assert connection.execute(tables).fetchone() == (0,)
        assert connection.execute(extension).fetchone() == (1 if server_kind == "timescale" else 0,)


def test_what_one_test_writes_the_next_does_not_see(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE leftover (x int)")


def test_what_the_last_test_wrote_is_not_here(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE leftover (x int)")
