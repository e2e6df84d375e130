"""Labels of users and tenants in the database, by the file that gave them."""

from __future__ import annotations

from typing import Any

import psycopg

from processor.identity import ERASED
from processor.identity_map import IdentityMap
from storage.queries import query

NONE = IdentityMap((), "")
"""Without a file nothing has a label."""


def use(conn: psycopg.Connection[Any], given: IdentityMap) -> None:
    """Put a file in force; labels of people who were erased are left out."""
    labels = [label for label in given.labels if label.stored != ERASED]
    with conn.transaction():
        row = conn.execute(query("use_identity_map"), {"sha256": given.sha256}).fetchone()
        assert row is not None
        columns = {
            "kinds": [str(label.kind) for label in labels],
            "values": [label.stored for label in labels],
            "labels": [label.label for label in labels],
        }
        # The same file under another key or mode has other stored forms: the labels are made anew.
        conn.execute("DELETE FROM _genai.identity_label WHERE map_id = %s", (row[0],))
        conn.execute(query("put_identity_labels"), {"map": row[0], **columns})
