"""Strict RFC 8259 JSON from untrusted senders."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Final, NoReturn

from processor.calls.errors import BadData

_MAX_CONTAINERS: Final = 2_000_000
"""Objects and arrays in one body. Each costs Python 60 to 240 bytes, two bytes cost the sender nothing: an
array of empty arrays would otherwise grow thirtyfold in memory."""
_SURROGATES: Final = re.compile("[\ud800-\udfff]")


def read_json(body: bytes) -> object:
    """Parse UTF-8 JSON; numbers with a fraction or exponent become Decimal, so that money stays exact.

    Raises:
        BadData: no UTF-8, no JSON, bare NaN or Infinity, nested too deep, or a number of absurd length.
    """
    if body.count(b"{") + body.count(b"[") > _MAX_CONTAINERS:
        raise BadData("body", f"more than {_MAX_CONTAINERS} objects and arrays")
    try:
        return json.loads(body.decode(), parse_constant=_refuse_constant, parse_float=Decimal)
    except UnicodeDecodeError as error:
        raise BadData("body", f"is not valid UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise BadData("body", f"is not valid JSON: {error.msg} at character {error.pos}") from None
    except RecursionError:
        raise BadData("body", "is nested too deep") from None
    except (ValueError, ArithmeticError):  # more digits than CPython converts (4300), or Decimal holds
        raise BadData("body", "holds a number that is too long, or NaN or Infinity without quotes") from None


def clean(text: str) -> str:
    r"""The text with lone surrogates (JSON's `"\ud800"`) replaced: they have no UTF-8."""
    return text if text.isascii() else _SURROGATES.sub("�", text)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)
