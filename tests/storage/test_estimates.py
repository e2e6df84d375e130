"""Our own counts of missing usage: marked, booked, and gone when the provider's usage comes."""

from __future__ import annotations

from itertools import permutations

import pytest

from processor.calls.call import ESTIMATED, ModelCall, Source
from storage.journal.amender import Amender, Amendment
from storage.journal.estimates import estimate
from storage.journal.stored_row import RowKey
from tests.receiver.spans import CHAT, Made
from tests.storage.late import Late, late_ledger, price
from tests.storage.ledger import rows

BARE = {key: value for key, value in CHAT.items() if not key.startswith("gen_ai.usage.")}
MODEL = {**BARE, "gen_ai.response.id": "chatcmpl-B8xK2mQ9vT4w"}
USAGE = {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 10}
WITHOUT, WITH = Made(MODEL, 1, 9), Made({**MODEL, **USAGE}, 2, 1)
STATE = ("usage_source", "input_tokens", "output_tokens", "cost_pico_usd", "price_status")


def counted(tokens_in: int = 7, tokens_out: int = 3) -> ModelCall:
    made = "<estimate: o200k_base, proxy>"
    return ModelCall(
        input_tokens=tokens_in, output_tokens=tokens_out, usage_source=ESTIMATED,
        sources=(Source("input_tokens", made, 70), Source("output_tokens", made, 70)),
    )  # fmt: skip


def estimate_all(late: Late) -> int:
    """Every stored call gets the same counts, if it has none."""
    found = late.rows(
        "SELECT (extract(epoch FROM time) * 1000000)::bigint - 946684800000000, uuid_send(call_key)"
        " FROM _genai.model_call"
    )
    with Amender(late.dsn, "estimate", why="tests", by="tests") as amender:
        return amender.apply(
            Amendment((RowKey(*row),), estimate(counted(), price, None)) for row in found
        ).rows


def test_a_call_without_usage_gets_marked_counts_and_a_line_in_the_book(migrated_database: str) -> None:
    with late_ledger(migrated_database) as late:
        late.send(WITHOUT, Made({**CHAT, **USAGE}, 5, 0, bytes(range(2, 18))))
        assert estimate_all(late) == 1
        assert late.calls(*STATE)[0] == (ESTIMATED, 7, 3, 7_000 + 21_000, "priced")
        sources = late.rows("SELECT sources::text FROM genai.model_call ORDER BY span_id")[0][0]
        assert "<estimate: o200k_base, proxy>" in sources
        assert estimate_all(late) == 0
        line = "SELECT kind, calls, cost_pico_usd FROM genai.ledger_line"
        assert late.rows(line) == [("estimate", 0, 28_000)]


@pytest.mark.parametrize("order", list(permutations(["without", "with", "estimate"])))
def test_the_provider_s_usage_wins_whenever_it_comes(migrated_database: str, order: tuple[str, ...]) -> None:
    with late_ledger(migrated_database) as late:
        for minute, step in enumerate(order):
            if step == "estimate":
                estimate_all(late)
            else:
                late.send(WITHOUT if step == "without" else WITH, minute=minute)
            late.bind(minute)
        estimate_all(late)
        late.bind(len(order))
        assert late.calls(*STATE) == [("provider", 100, 10, 100_000 + 70_000, "priced")]


def test_an_estimate_hides_no_duplicate(migrated_database: str) -> None:
    """A call around another one without usage of its own is the same call, whatever we counted meanwhile."""
    with late_ledger(migrated_database) as late:
        late.send(Made(BARE, 1, 0))
        assert estimate_all(late) == 1
        late.send(Made({**BARE, **USAGE}, 2, 1), minute=1)
        late.bind(1)
        assert late.calls(*STATE) == [("provider", 100, 10, 170_000, "priced")]
        assert rows(migrated_database, "SELECT sum(calls), sum(input_tokens) FROM genai.usage_hour") == [
            (1, 100)
        ]
