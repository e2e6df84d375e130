"""Where the dashboards' files are, in a checkout and in an installed wheel alike."""

from __future__ import annotations

from pathlib import Path

DASHBOARDS = Path(__file__).parent
"""Has `sql/<dashboard>/<panel>.sql` and `provisioning/`."""
GENERATED = DASHBOARDS / "generated"
"""Has `<dashboard>.json`, what Grafana reads."""

CRITICAL = tuple(
    f"spanledger-{name}" for name in ("overview", "compare", "alerts-inbox", "incidents", "freshness")
)
"""What people work with during an incident: never paused; `genai.is_critical_dashboard` knows them too."""

DATASOURCE_UID = "spanledger"
FOLDER_UID, FOLDER_TITLE = "spanledger", "Spanledger"


def dashboard_files(folder: Path = GENERATED) -> list[Path]:
    """The dashboards' JSON files, by name."""
    return sorted(folder.glob("*.json"))
