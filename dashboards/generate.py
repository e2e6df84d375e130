"""Write `generated/<dashboard>.json` and `provisioning/alerting/` from SQL files and declarations.

    python -m dashboards.generate

The result depends on nothing but the files; a test holds the committed JSON to it.
"""

from __future__ import annotations

import json
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.alerts import files as alerting
from dashboards.files import names
from dashboards.pages import PAGES
from dashboards.paths import GENERATED


def generated() -> dict[str, str]:
    """File name → text of every dashboard."""
    return {
        f"{page.uid.removeprefix('spanledger-')}.json": json.dumps(
            page.build(), cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False
        )
        + "\n"
        for page in PAGES
    }


def main(folder: Path = GENERATED) -> None:
    """Write all of them."""
    for name, text in generated().items():
        (folder / name).write_text(text, encoding="utf-8")
    alerting.write(alerting.COMMITTED, names(), {})
    alerting.EXAMPLE.write_text(alerting.example(names()), encoding="utf-8")


if __name__ == "__main__":
    main()
