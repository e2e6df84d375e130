"""The version of this Spanledger."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed


def version() -> str:
    """The installed version; `source` when it runs from a tree that was never installed."""
    try:
        return installed("spanledger")
    except PackageNotFoundError:
        return "source"
