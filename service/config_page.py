"""The table of settings in docs/configuration.md, made of the model: `python -m service.config_page`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from receiver.config import MIB
from service.config import Config, duration_text
from service.config_source import leaves, section_of, variable

PAGE = Path(__file__).parents[1] / "docs" / "configuration.md"
BEGIN, END = "<!-- settings: made by python -m service.config_page -->", "<!-- end of settings -->"


def table() -> str:
    """The settings as one Markdown table."""
    lines = ["| setting | default | meaning |", "|---|---|---|"]
    for path in leaves(Config):
        field = field_of(Config, path)
        lines.append(
            f"| `{'.'.join(path)}`<br>`{variable(path)}` | {_default(field)} | {meaning(path, field)} |"
        )
    return "\n".join(lines)


def page(text: str) -> str:
    """The page with its table as it should be."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def field_of(model: type[BaseModel], path: tuple[str, ...]) -> FieldInfo:
    field = model.model_fields[path[0]]
    section = section_of(field.annotation)
    return field_of(section, path[1:]) if section and len(path) > 1 else field


def meaning(path: tuple[str, ...], field: FieldInfo) -> str:
    if not field.description:
        raise LookupError(f"{'.'.join(path)} has no description")
    return field.description


def _default(field: FieldInfo) -> str:
    value: Any = field.default
    if field.default_factory is not None:
        return "`~/.local/share/spanledger`"
    if value is PydanticUndefined:
        return "needed"
    if value is None or value in ("", ()):
        return "none"
    if hasattr(value, "total_seconds"):
        return f"`{duration_text(value)}`"
    if isinstance(value, int) and value >= MIB and value % MIB == 0:
        return f"`{value}` ({value // MIB} MiB)"
    return f"`{value}`"


def main() -> int:
    """Write the table into the page."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
