"""The prices recorded in the ledger, in the form of a price book: a new map is compared with them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

import psycopg

from operations import query as ledger
from processor.calls.dates import ALWAYS, NEVER
from processor.pricing.diff import Timelines, stored_timelines
from processor.pricing.vectors import Interval, PriceKey, Prices, PriceVector, Rates, overlay, price_vector

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def known_timelines(connection: psycopg.Connection[Any], map_hash: str) -> Timelines:
    """Every price that the ledger knows from maps other than this one; where two maps differ, the later
    one's.

    The ledger writes a price down with the first map that held it. A model that a later map left out is still
    here.
    """
    rows = ledger.rows(connection, "stored_vectors", sha256=map_hash)
    known: dict[PriceKey, Prices] = {}
    for _, of_map in groupby(rows, key=lambda row: row["map_id"]):
        for key, prices in stored_timelines(map(_vector, of_map)).items():
            known[key] = overlay(prices, known.get(key, ()))
    return known


def comparable(timelines: Timelines) -> Timelines:
    """Timelines with silent cache classes filled in, as the ledger writes prices down: equal costs compare
    equal."""
    return {key: tuple(map(_filled, prices)) for key, prices in timelines.items()}


def _filled(interval: Interval) -> Interval:
    vectors = (
        price_vector(
            v.provider, v.model, _rates(v.coefficients()), service_tier=v.service_tier,
            span=(v.from_ns, v.to_ns), input_tokens_gt=v.input_tokens_gt, origin={"source": v.source},
        )
        for v in interval.vectors
    )  # fmt: skip
    return interval._replace(vectors=tuple(vectors))


def _vector(row: ledger.Row) -> PriceVector:
    return price_vector(
        row["provider"], row["model"], _rates(row["coefficients"]), service_tier=row["service_tier"],
        span=(_nanoseconds(row["valid_from"], ALWAYS), _nanoseconds(row["valid_to"], NEVER)),
        input_tokens_gt=row["input_tokens_gt"], origin={"source": row["source"]},
    )  # fmt: skip


def _rates(coefficients: dict[str, int]) -> Rates:
    return Rates(**{name: rate for name, rate in coefficients.items() if name in Rates._fields})


def _nanoseconds(moment: str, infinite: int) -> int:
    if moment.endswith("infinity"):
        return infinite
    return (datetime.fromisoformat(moment) - _EPOCH) // timedelta(microseconds=1) * 1000
