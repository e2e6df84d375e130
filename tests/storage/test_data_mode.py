"""Data modes that are no known words, in the ledger: uncertain money, and who sends them."""

from __future__ import annotations

from processor.calls.call import Flag, ModelCall
from processor.pricing.charge import UNCERTAIN, Charge
from storage.late.binder import Binder
from tests.receiver.spans import CHAT, T0, Made
from tests.storage.late import Late, late_ledger, price

FIGURES = """
    SELECT service_name, environment, calls, cost_usd, sent
    FROM genai.unknown_data_mode('-infinity', 'infinity', %s, %s)
"""


def doubted(call: ModelCall) -> Charge:
    """The price of the tests, with the doubt that the real one has."""
    charge = price(call)
    return charge._replace(flags=int(Flag.COST_UNCERTAIN)) if call.flags & UNCERTAIN else charge


def ask(late: Late, environment: str = "*", service: str | None = None) -> list[tuple[object, ...]]:
    return late.rows(FIGURES, environment, service)


def test_unknown_words_are_told_by_service_with_their_money(migrated_database: str) -> None:
    shop, desk = {"service.name": "shop"}, {"service.name": "desk", "deployment.environment.name": "dev"}
    odd = {**CHAT, "data_mode": "sandbox"}
    with late_ledger(migrated_database) as late:
        late.send(Made(odd, 1, resource=shop), Made(odd, 2, resource=desk), Made(CHAT, 3, resource=shop))
        late.send(Made({**CHAT, "data_mode": "test"}, 4, resource=shop))
        assert [row[:3] for row in ask(late)] == [("desk", "dev", 1), ("shop", "prod", 1)]
        assert all(row[3] > 0 and row[4] is None for row in ask(late))
        assert [row[0] for row in ask(late, "prod")] == ["shop"]
        assert [row[0] for row in ask(late, service="desk")] == ["desk"]
        assert late.rows("SELECT count(*) FROM genai.unknown_data_mode('-infinity', '-infinity')") == [(0,)]


def test_a_word_that_comes_late_marks_the_call_and_its_cost(migrated_database: str) -> None:
    root = Made({"data_mode": "sandbox", "endpoint_tag": "e"}, span_id=1, kind=1, end=3000)
    with late_ledger(migrated_database) as late:
        late.binder.close()
        late.binder = Binder(migrated_database, doubted)
        late.send(Made(CHAT, span_id=2, parent=1))
        late.send(root, minute=1)
        late.binder.bind(T0 + 120 * 10**9)
        ((mode, flags),) = late.calls("data_mode", "flags")
        assert (mode, set(flags)) == ("real", {"data_mode_unknown", "cost_uncertain"})
        assert [row[:3] for row in ask(late)] == [("shop", "prod", 1)]


def test_a_known_word_that_comes_late_takes_the_mark_away(migrated_database: str) -> None:
    resource = {"service.name": "shop", "data_mode": "sandbox"}
    with late_ledger(migrated_database) as late:
        late.send(Made(CHAT, span_id=2, parent=1, resource=resource))
        late.send(Made({"data_mode": "test", "endpoint_tag": "e"}, span_id=1, kind=1, end=3000), minute=1)
        late.bind(2)
        assert late.calls("data_mode", "flags") == [("test", [])]
        assert ask(late) == []
