"""What Grafana's browser makes of a link: variables, time and the clicked row put into the address."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from urllib.parse import parse_qs, quote, urlsplit

from tests.dashboards.macros import Value

_PART = re.compile(r"\$\{([\w.]+)(?::([\w:]+))?\}")


class Visit(NamedTuple):
    """Where a click leads: path and decoded parameters."""

    path: str
    parameters: dict[str, list[str]]


def encode(text: str) -> str:
    """`percentencode`: RFC 3986, the marks of encodeURIComponent included."""
    return quote(text, safe="")


def follow(
    url: str, window: tuple[datetime, datetime], values: Mapping[str, Value], row: Mapping[str, object]
) -> Visit:
    """Click on a link.

    Raises:
        KeyError: it uses a variable or column that is not there.
        NotImplementedError: it uses a format that no link of ours may use.
    """

    def put(match: re.Match[str]) -> str:
        name, form = match[1], match[2]
        if (name, form) == ("__to", "date:YYYYMM"):
            return f"{window[1]:%Y%m}"
        if name in ("__from", "__to"):
            return str(round(window[name == "__to"].timestamp() * 1000))
        if name == "__value.time":
            return str(row["time"])
        if name.startswith(("__data.fields.", "__field.labels.")):
            text = str(row[name.split(".", 2)[2]])
            return {
                "percentencode": encode(text),
                "raw": text,
                None: quote(text, safe="~()*!.'-_;,/?:@&=+$#"),
            }[form]
        if form == "percentencode" and isinstance(values[name], str):
            return encode(str(values[name]))
        if form != "queryparam":
            raise NotImplementedError(f"{match[0]}: variables travel as queryparam")
        value = values[name]
        chosen = [value] if isinstance(value, str) else value
        return "&".join(f"var-{name}={encode(each)}" for each in chosen)

    address = urlsplit(_PART.sub(put, url))
    return Visit(address.path, parse_qs(address.query, keep_blank_values=True, strict_parsing=True))
