"""An incident from its alert to its closing: what is required, who did it, and whether the burn fell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operations.inbox import lifecycle
from operations.inbox.lifecycle import NotAllowed
from operations.inbox.receive import receive
from operations.inbox.story import explain_due
from operations.incidents import burn, model
from operations.incidents.burn import Levels, verdict
from tests.operations.alert_documents import START, alert, grafana
from tests.operations.ledger import fill
from tests.operations.test_classify import BEFORE, NOW, V2, tokens, traffic
from tests.operations.test_inbox_story import HOUR, drifted
from tests.sizes import examples

COMPLETE = {"containment": "rolled back to v1", "guardrail": "unit cost of checkout in budgets.yaml"}


@pytest.fixture
def connection(migrated_database: str) -> Any:
    with psycopg.connect(migrated_database, autocommit=True, options="-c timezone=UTC") as found:
        yield found


def arrive(connection: psycopg.Connection[Any], **labels: str) -> int:
    told = alert(f"{hash(frozenset(labels.items())):x}", **labels)
    return receive(connection, grafana(told), now=START).deliveries[0].episode_id


def incident(connection: psycopg.Connection[Any], number: int) -> dict[str, Any]:
    return model.rows(connection, "incident", id=number)[0]


def opened(connection: psycopg.Connection[Any], **labels: str) -> dict[str, Any]:
    return incident(connection, model.open_incident(connection, arrive(connection, **labels), "ada"))


def move(connection: psycopg.Connection[Any], number: int, action: str, **texts: str) -> dict[str, Any]:
    seen = incident(connection, number)
    model.move(connection, number, seen["version"], action, "ada", texts)
    return incident(connection, number)


def alert_state(connection: psycopg.Connection[Any]) -> list[tuple[str, str]]:
    return connection.execute("SELECT state, state_by FROM genai.alert_episode ORDER BY id").fetchall()


def test_an_incident_opens_with_what_the_alert_and_its_story_know(
    connection: psycopg.Connection[Any], migrated_database: str
) -> None:
    fill(migrated_database, [*traffic(BEFORE, 200), *traffic(NOW, 220, tokens(1.6, like=V2))])
    owners = '{"owners": [{"endpoint": "check", "owner": "payments", "channel": "#pay"}]}'
    connection.execute(
        "INSERT INTO _genai.operator_file (kind, sha256, text, content, loaded_by) VALUES"
        " ('owners', '1', '', %s, 'test')",
        [owners],
    )
    number = receive(connection, grafana(drifted())).deliveries[0].episode_id
    explain_due(connection)

    found = incident(connection, model.open_incident(connection, number, "ada"))

    assert found["driver_class"] == "deploy"
    assert found["focus"]["prompt_version"] == V2.prompt_version
    assert (found["owner"], found["channel"]) == ("payments", "#pay")
    assert (found["window_from"], found["window_to"]) == (NOW, NOW + HOUR)
    assert "prompt_version" not in found["recurrence_key"]
    assert model.open_incident(connection, number, "bob") == found["id"]
    assert alert_state(connection) == [("acknowledged", "ada")]


def test_closing_needs_driver_containment_and_guardrail(connection: psycopg.Connection[Any]) -> None:
    number = opened(connection)["id"]

    with pytest.raises(NotAllowed, match="the driver's class, the containment, a guardrail are missing"):
        move(connection, number, "close")
    with pytest.raises(NotAllowed, match="a guardrail is missing"):
        move(connection, number, "close", driver_class="volume", containment="throttled")
    closed = move(connection, number, "close", driver_class="volume", **COMPLETE)

    assert (closed["state"], closed["waiver"]) == ("closed", "")
    assert alert_state(connection) == [("resolved", "ada")]


def test_a_waiver_with_a_reason_closes_too_and_leaves_the_guardrail_open(
    connection: psycopg.Connection[Any],
) -> None:
    number = opened(connection)["id"]

    with pytest.raises(NotAllowed):
        move(connection, number, "close", waiver="   ")
    move(connection, number, "close", waiver="a load test, agreed with finance")

    row = connection.execute("SELECT state, is_guardrail_open FROM genai.incident").fetchone()
    assert row == ("closed", True)


def test_containing_needs_to_say_what_was_done(connection: psycopg.Connection[Any]) -> None:
    number = opened(connection)["id"]

    with pytest.raises(NotAllowed, match="say first what was done"):
        move(connection, number, "contain")
    contained = move(connection, number, "contain", containment="throttled")

    assert contained["contained_at"] is not None
    assert move(connection, number, "reopen")["contained_at"] is None


def test_a_containment_can_have_held_for_hours_when_it_is_written_down(
    connection: psycopg.Connection[Any], migrated_database: str
) -> None:
    contained = NOW + HOUR
    fill(
        migrated_database,
        [*traffic(BEFORE, 200), *traffic(NOW, 200, tokens(1.6, like=V2)), *traffic(contained, 200)],
    )
    receive(connection, grafana(drifted()))
    explain_due(connection)
    number = model.open_incident(connection, 1, "ada")

    def contain(at: datetime) -> None:
        version = incident(connection, number)["version"]
        model.move(connection, number, version, "contain", "ada", {"containment": "rolled back"}, at)

    with pytest.raises(NotAllowed, match="lies in the future"):
        contain(datetime.now(UTC) + HOUR)
    with pytest.raises(NotAllowed, match="lies before the incident"):
        contain(NOW - timedelta(minutes=1))
    contain(contained)

    assert incident(connection, number)["contained_at"] == contained
    assert burn.measure_if_due(connection, number, datetime.now(UTC)) == "worked"
    (told,) = connection.execute("SELECT after FROM genai.audit WHERE action = 'contain'").fetchone() or ({},)
    assert told == {"state": "contained", "contained_at": "2026-05-04T13:00:00Z"}


def test_every_change_is_in_the_audit_with_who_when_before_and_after(
    connection: psycopg.Connection[Any],
) -> None:
    number = opened(connection)["id"]
    seen = incident(connection, number)
    model.write(connection, number, seen["version"], {"owner": "bob", "note": "", "channel": "#x"}, "eve")
    move(connection, number, "contain", containment="throttled")

    told = connection.execute(
        "SELECT actor, subject, action, before, after FROM genai.audit ORDER BY id"
    ).fetchall()
    assert told == [
        ("ada", "incident", "open", {}, {"alert": 1}),
        ("ada", "alert", "with its incident", {"state": "open"}, {"state": "acknowledged"}),
        (
            "eve", "incident", "write",
            {"owner": "team-checkout", "channel": ""}, {"owner": "bob", "channel": "#x"},
        ),
        ("ada", "incident", "write", {"containment": ""}, {"containment": "throttled"}),
        ("ada", "incident", "contain", {"state": "open"}, {"state": "contained"}),
        ("ada", "alert", "with its incident", {"state": "acknowledged"}, {"state": "contained"}),
    ]  # fmt: skip
    for statement in (
        "UPDATE _genai.audit SET actor = ''",
        "DELETE FROM _genai.audit",
        "TRUNCATE _genai.audit",
    ):
        with pytest.raises(psycopg.errors.RaiseException, match="only added to"):
            connection.execute(statement.encode())


def test_who_saw_an_older_incident_overwrites_nothing(connection: psycopg.Connection[Any]) -> None:
    number = opened(connection)["id"]
    seen = incident(connection, number)["version"]
    model.write(connection, number, seen, {"owner": "bob"}, "bob")

    with pytest.raises(NotAllowed, match="somebody changed the incident"):
        model.write(connection, number, seen, {"owner": "eve"}, "eve")

    assert incident(connection, number)["owner"] == "bob"


def test_an_alert_joins_one_incident_and_follows_it(connection: psycopg.Connection[Any]) -> None:
    number = opened(connection)["id"]
    other = arrive(connection, endpoint="search")
    model.add_alert(connection, number, other, "ada")
    model.add_alert(connection, number, other, "ada")
    second = opened(connection, endpoint="chat")["id"]

    with pytest.raises(NotAllowed, match=f"part of incident {number}"):
        model.add_alert(connection, second, other, "ada")
    move(connection, number, "contain", containment="throttled")

    assert alert_state(connection) == [("contained", "ada"), ("contained", "ada"), ("acknowledged", "ada")]


def test_the_same_cause_again_is_a_recurrence(connection: psycopg.Connection[Any]) -> None:
    first = opened(connection, prompt_version="v2")["id"]
    again = opened(connection, prompt_version="v3")["id"]
    other = opened(connection, endpoint="search")["id"]

    counted = connection.execute("SELECT id, recurrences FROM genai.incident ORDER BY id").fetchall()
    assert counted == [(first, 0), (again, 1), (other, 0)]
    assert [each["id"] for each in model.rows(connection, "recurrences", id=again)] == [first]


@pytest.mark.parametrize(
    "texts", [{"state": "closed"}, {"driver_class": "x"}, {"title": " "}, {"note": "x" * 20_001}]
)
def test_what_cannot_be_written_is_refused(
    connection: psycopg.Connection[Any], texts: dict[str, str]
) -> None:
    number = opened(connection)["id"]

    with pytest.raises(NotAllowed):
        model.write(connection, number, 1, texts, "ada")


@given(st.lists(st.sampled_from(["acknowledge", "contain", "resolve", "reopen"]), max_size=8))
@settings(max_examples=examples(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_alert_is_where_its_audit_says(connection: psycopg.Connection[Any], actions: list[str]) -> None:
    connection.execute("TRUNCATE _genai.alert_episode CASCADE")
    number = arrive(connection)
    state = "open"
    for action in actions:
        states, target = lifecycle.MOVES[action]
        if state in states:
            assert action in lifecycle.possible(state)
            lifecycle.move(connection, number, action, "ada")
            state = target
        else:
            with pytest.raises(NotAllowed):
                lifecycle.move(connection, number, action, "ada")

    told = connection.execute(
        "SELECT before ->> 'state', after ->> 'state' FROM genai.audit WHERE subject = 'alert'"
        " AND subject_id = %s ORDER BY id",
        [number],
    ).fetchall()
    assert alert_state(connection)[0][0] == state
    steps = ["open", *(after for _, after in told)]
    assert [before for before, _ in told] == steps[:-1]
    assert steps[-1] == state


def test_the_burn_after_a_containment_is_measured_and_judged(
    connection: psycopg.Connection[Any], migrated_database: str
) -> None:
    """The incident's hour costs 1.6 times as much a request; then first half, at last none of it is left."""
    contained = NOW + HOUR
    fill(
        migrated_database,
        [
            *traffic(BEFORE, 200),
            *traffic(NOW, 200, tokens(1.6, like=V2)),
            *traffic(contained, 200, tokens(1.3, like=V2)),
            *traffic(contained + 2 * HOUR, 200),
        ],
    )
    receive(connection, grafana(drifted()))
    explain_due(connection)
    number = model.open_incident(connection, 1, "ada")

    def contain(at: datetime) -> None:
        connection.execute(
            "UPDATE _genai.incident SET state = 'contained', contained_at = %s, containment = 'x'", [at]
        )

    contain(contained - timedelta(minutes=2))
    assert burn.measure_due(connection, contained + timedelta(minutes=12)) is None
    assert burn.measure_due(connection, contained + timedelta(minutes=30)) is not None
    assert burn.measure_due(connection, contained + 2 * HOUR) is not None
    assert burn.measure_due(connection, contained + 3 * HOUR) is None  # measured to the end
    (found,) = model.rows(connection, "burn", id=number)
    assert (found["verdict"], found["measure"], found["is_final"]) == ("partly", "usd_per_request", True)
    assert found["before_level"] < found["after_level"] < found["during_level"]

    contain(contained + 2 * HOUR - timedelta(minutes=2))
    burn.measure_due(connection, contained + 5 * HOUR)
    assert model.rows(connection, "burn", id=number)[0]["verdict"] == "worked"
    row = connection.execute("SELECT verdict, is_measured FROM genai.incident").fetchone()
    assert row == ("worked", True)


MONEY = st.decimals(0, 1000, places=6)


@given(MONEY, MONEY, MONEY, MONEY)
def test_the_less_is_left_the_better_the_verdict(
    before: Decimal, during: Decimal, one: Decimal, other: Decimal
) -> None:
    order = ["worked", "partly", "not"]
    low, high = sorted((one, other))
    verdicts = [verdict(Levels(before, during, after)) for after in (low, high)]

    if during <= before:
        assert verdicts == ["no excess"] * 2
    else:
        assert order.index(verdicts[0]) <= order.index(verdicts[1])
        assert verdict(Levels(before, during, before)) == "worked"
        assert verdict(Levels(before, during, during)) == "not"


def test_without_a_level_nothing_is_said() -> None:
    assert verdict(Levels(None, None, Decimal(1))) == "no data"
    assert verdict(Levels(Decimal(1), Decimal(2), None)) == "no data"
    assert verdict(Levels(None, Decimal(2), Decimal(0))) == "worked"
    assert burn.measure_of("unknown_model") == "unpriced_per_hour"
    assert burn.measure_of("volume") == "usd_per_hour"
