"""Labels in the database: the newest file is in force, and the erased have none."""

from __future__ import annotations

from processor.identity import Kind
from processor.identity_map import IdentityMap, Label
from storage import identity_labels
from storage.connection import connect
from storage.erasure import Identity, erase_identity
from tests.storage.ledger import rows

FIRST = IdentityMap((Label(Kind.USER, "u", "Uta"), Label(Kind.TENANT, "u", "U Ltd")), "a" * 64)
SECOND = IdentityMap((Label(Kind.USER, "u", "Uta B."),), "b" * 64)
LABELS = "SELECT kind, value, label FROM genai.identity_label ORDER BY 1"


def use(dsn: str, given: IdentityMap) -> None:
    with connect(dsn) as conn:
        identity_labels.use(conn, given)


def test_the_file_that_was_loaded_last_is_in_force(migrated_database: str) -> None:
    assert rows(migrated_database, LABELS) == []
    use(migrated_database, FIRST)
    both = [("tenant", "u", "U Ltd"), ("user", "u", "Uta")]
    assert rows(migrated_database, LABELS) == both
    use(migrated_database, SECOND)
    assert rows(migrated_database, LABELS) == [("user", "u", "Uta B.")]
    use(migrated_database, FIRST)
    assert rows(migrated_database, LABELS) == both
    use(migrated_database, identity_labels.NONE)
    assert rows(migrated_database, LABELS) == []


def test_the_erased_lose_their_labels_and_get_none_again(migrated_database: str) -> None:
    use(migrated_database, FIRST)
    erase_identity(migrated_database, Identity(Kind.USER, ("u",)))
    assert rows(migrated_database, LABELS) == [("tenant", "u", "U Ltd")]
    use(migrated_database, SECOND)
    assert rows(migrated_database, LABELS) == []
    use(migrated_database, FIRST)
    assert rows(migrated_database, LABELS) == [("tenant", "u", "U Ltd")]
