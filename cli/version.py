"""`spanledger version`."""

from __future__ import annotations

import platform
from importlib.metadata import version as installed

from cli import options
from service.version import version as own_version

app = options.app()


@app.command()
def version() -> None:
    """Print the versions of Spanledger, Python and the price list."""
    print(
        f"spanledger {own_version()} · Python {platform.python_version()} · "
        f"genai-prices {installed('genai-prices')}"
    )
