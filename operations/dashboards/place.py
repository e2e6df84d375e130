"""Where the dashboards' files are, in a checkout and in an installed wheel alike."""

from __future__ import annotations

from pathlib import Path

DASHBOARDS = Path(__file__).parents[2] / "dashboards"
"""`<dashboard>.json`, `sql/<dashboard>/<panel>.sql`, `provisioning/`; plain data, no package."""

DATASOURCE_UID = "spanledger"
FOLDER_UID, FOLDER_TITLE = "spanledger", "Spanledger"


def dashboard_files(folder: Path = DASHBOARDS) -> list[Path]:
    """The dashboards' JSON files, by name."""
    return sorted(folder.glob("*.json"))
