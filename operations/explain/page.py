"""One call explained: usage, where each figure was read, the price that applied, and the sum."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from psycopg.rows import dict_row

from operations.compare.model import Focus, Question
from operations.explain.price_doubts import doubts, why_without_price
from operations.web import queries
from operations.web.parameters import BadParameter, Links
from operations.web.queries import Connection, Row
from operations.web.render import Service, render

WITHOUT_COST = {
    "unpriced_model": "The price list does not know this model. Its cost is unknown, not zero: "
    "`spanledger unpriced`, then `spanledger reprice`.",
    "no_usage": "The span says no usage. Its cost is unknown, not zero.",
    "bad_usage": "The usage contradicts itself, as more cached tokens than tokens do. Its cost is unknown.",
    "error_without_usage": "The provider refused the request and reported no usage: it is not billed.",
}
FREE = "This model is declared free."
_FIELDS = (
    "provider", "model", "operation", "input_tokens", "cache_read_tokens", "cache_write_tokens",
    "cache_write_1h_tokens", "input_audio_tokens", "input_image_tokens", "output_tokens", "reasoning_tokens",
    "output_audio_tokens", "output_image_tokens", "input_cached_audio_tokens",
    "input_cached_image_tokens", "endpoint_tag", "prompt_version", "tenant_id", "user_id",
    "environment", "data_mode", "service_name", "external_request_id", "response_id", "conversation_id",
    "status", "error_type", "service_tier", "reported_cost_usd",
)  # fmt: skip


def call_page(
    connection: Connection,
    identity: str,
    parameters: Iterable[tuple[str, str]],
    links: Links,
    service: Service,
) -> str | None:
    """The page as HTML; None when no such call is kept.

    Args:
        identity: the call's key as in `genai.model_call`.
        parameters: `at`, the call's time, where the address has it.

    Raises:
        BadParameter: the key is none, or `at` no time.
    """
    values: Row = {"key": _key(identity), "at": _at(parameters)}
    with queries.snapshot(connection), connection.cursor(row_factory=dict_row) as cursor:
        call = cursor.execute(queries.query("call"), values).fetchone()
        if call is None:
            return None
        values["at"] = call["time"]
        bill = cursor.execute(queries.query("bill"), values).fetchall()
        total = cursor.execute(queries.query("bill_sum"), values).fetchone()
        question = _around(call)
        grafana = queries.grafana(connection, question)
    return render(
        "explain/page.html", service=service, links=links, question=question, call=call, bill=bill,
        total=total, grafana=grafana, fields=_read(call), without_cost=_without_cost(call),
        doubts=doubts(call["flags"]),
        refresh=None,
    )  # fmt: skip


def _key(identity: str) -> UUID:
    if not re.fullmatch(r"[0-9a-fA-F-]{32,36}", identity):
        raise BadParameter("call", "the key of a call, 32 hexadecimal digits")
    try:
        return UUID(identity)
    except ValueError:
        raise BadParameter("call", "the key of a call, 32 hexadecimal digits") from None


def _at(parameters: Iterable[tuple[str, str]]) -> datetime | None:
    at = None
    for name, value in parameters:
        if name != "at" or at is not None:
            raise BadParameter(name[:80], "only `at` here, once")
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            at = None
        if at is None or at.tzinfo is None:
            raise BadParameter("at", "the call's time in RFC 3339, with its zone")
    return at


def _around(call: Row) -> Question:
    """The hour of the call, narrowed to its endpoint and prompt version."""
    start = call["time"].replace(minute=0, second=0, microsecond=0)
    return Question(
        start, start + timedelta(hours=1), "previous", call["environment"], call["data_mode"],
        "prompt_version", Focus(endpoint=call["endpoint_tag"], prompt_version=call["prompt_version"]),
    )  # fmt: skip


def _without_cost(call: Row) -> str | None:
    reasons = why_without_price(call["flags"]) if call["price_status"] == "unpriced_model" else []
    return (
        " ".join([*reasons, "Its cost is unknown, not zero."])
        if reasons
        else WITHOUT_COST.get(call["price_status"])
    )


def _read(call: Row) -> list[tuple[str, object, str | None]]:
    """Every field that has a value, and the attribute that it was read from."""
    found = {line[0]: line[1] for line in call["sources"] or []}
    return [
        (name.replace("_", " "), call[name], found.get(name)) for name in _FIELDS if call[name] is not None
    ]
