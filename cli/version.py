"""`spanledger version`."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(rich_help_panel="Administer")
    def version() -> None:
        """Print the version of Spanledger, of Python and of the default price list."""
        import platform
        from importlib.metadata import version as installed

        from service.version import version as own_version

        print(
            f"spanledger {own_version()} · Python {platform.python_version()} · "
            f"genai-prices {installed('genai-prices')}"
        )
