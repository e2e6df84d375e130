"""The demo's story is SQL that is the same on every server: one is enough."""

from __future__ import annotations

import pytest


@pytest.fixture(params=[pytest.param("postgres", marks=pytest.mark.postgres)])
def server_kind(request: pytest.FixtureRequest) -> str:
    """Instead of every server, the product's own."""
    kind: str = request.param
    return kind
