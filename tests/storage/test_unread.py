"""Usage that no rule reads, in the ledger: each span once, until it proves to repeat a counted call."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processor.calls.call import Batch, ModelCall, UncountedSpan, Unread
from processor.pricing.charge import Charge
from receiver.otlp.decode import decode_message
from storage.dimensions.cardinality import OTHER
from storage.ingest import unread
from storage.ingest.writer import Writer
from storage.journal.erasure import erase_data_mode
from storage.late.binder import Binder
from storage.upkeep.retention import Periods, keep
from tests.receiver.spans import CHAT, T0, Made, request
from tests.sizes import examples
from tests.storage.ledger import NOON_NS, PRICED, SECOND_NS, call, rows

NOW = datetime.fromtimestamp(NOON_NS / 1e9, UTC)
KEYS = ("acme.tokens.completion", "acme.tokens.prompt")
OWN = dict.fromkeys(KEYS, 12)
FIGURES = "SELECT service_name, scope, keys, spans, first_seen, last_seen FROM genai.unread ORDER BY 1, 2, 5"
HELD = "SELECT genai.unread_spans(%s, %s, %s, %s, %s)"


def sighting(name: str, at_ns: int = NOON_NS, parent: str = "", **place: str) -> UncountedSpan:
    """An unread span whose ids follow from its name; `parent` is the name of another."""
    trace, span = _ids(name)
    found = Unread(trace + span, at_ns, place.pop("scope", "acme.llm"), "3", KEYS, **place)
    above = _ids(parent)[1] if parent else b""
    return UncountedSpan(trace, span, above, name, "unread: no rule reads …", unread=found)


def _ids(name: str) -> tuple[bytes, bytes]:
    """Names before a slash are traces."""
    digest = hashlib.sha256(name.encode()).digest()
    return hashlib.sha256(name.split("/")[0].encode()).digest()[:16], digest[:8]


def counted(name: str, parent: str = "") -> ModelCall:
    trace, span = _ids(name)
    above = _ids(parent)[1] if parent else b""
    return call(name, trace_id=trace, span_id=span, parent_span_id=above)


def write(
    writer: Writer, *items: UncountedSpan | ModelCall, received_ns: int = NOON_NS + 3 * SECOND_NS
) -> None:
    """One request that holds these."""
    calls = [item for item in items if isinstance(item, ModelCall)]
    sightings = [item for item in items if isinstance(item, UncountedSpan)]
    writer.write([(Batch(calls, sightings, received_ns=received_ns), [PRICED] * len(calls))])


def bind(dsn: str) -> None:
    with Binder(dsn, lambda made: Charge("unpriced_model")) as binder:
        binder.bind(NOON_NS + 10 * SECOND_NS)


def spans(dsn: str) -> int:
    ((held,),) = rows(dsn, "SELECT genai.unread_spans('-infinity', 'infinity')")
    return int(held)


def test_unread_spans_are_a_figure_by_source_and_minute(migrated_database: str, writer: Writer) -> None:
    write(writer, sighting("a", service_name="shop"), sighting("b", NOON_NS + SECOND_NS, service_name="shop"))
    write(writer, sighting("c", service_name="desk", scope="other"))
    later = NOW + timedelta(seconds=1)
    assert rows(migrated_database, FIGURES) == [
        ("desk", "other", list(KEYS), 1, NOW, NOW),
        ("shop", "acme.llm", list(KEYS), 2, NOW, later),
    ]


def test_a_resend_changes_nothing(migrated_database: str, writer: Writer) -> None:
    write(writer, sighting("a"), sighting("a"), sighting("b"))
    before = rows(migrated_database, FIGURES)
    write(writer, sighting("b"), sighting("a"), received_ns=NOON_NS + 900 * SECOND_NS)
    assert rows(migrated_database, FIGURES) == before
    assert spans(migrated_database) == 2


@settings(max_examples=examples(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sent=st.lists(
        st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=4), min_size=1, max_size=6
    )
)
def test_any_delivery_ends_in_the_same_figures(
    migrated_database: str, sent: list[list[tuple[int, bool]]]
) -> None:
    """Twice is once, in any order, split in any way, through two receivers."""
    with psycopg.connect(migrated_database) as connection:
        connection.execute("TRUNCATE _genai.unread, _genai.unread_span")
    writers = Writer(migrated_database), Writer(migrated_database)
    for one_request in sent:
        for second in (False, True):
            part = [_numbered(place) for place, through in one_request if through == second]
            if part:
                write(writers[second], *part)
    for one in writers:
        one.close()
    distinct = {place for one_request in sent for place, _ in one_request}
    with psycopg.connect(migrated_database) as connection:
        found = connection.execute("SELECT bucket, service_name, spans FROM genai.unread").fetchall()
    assert sum(row[2] for row in found) == len(distinct)
    assert len(found) == len({(place % 2, place // 3) for place in distinct})


def _numbered(place: int) -> UncountedSpan:
    """Two minutes, two services."""
    at = NOON_NS + 60 * SECOND_NS * (place % 2)
    return sighting(f"numbered {place}", at, service_name=f"service {place // 3}")


def test_a_window_holds_what_began_in_it_at_its_place(migrated_database: str, writer: Writer) -> None:
    write(writer, sighting("a", service_name="shop", environment="staging", data_mode="test"))
    second, hour = timedelta(seconds=1), timedelta(hours=1)
    for begin, end, env, mode, service, held in (
        (NOW, NOW + second, "*", "*", None, 1),
        (NOW - hour, NOW, "*", "*", "*", 0),
        (NOW + second, NOW + hour, "*", "*", "*", 0),
        (NOW - hour, NOW + hour, "prod,staging", "test", "shop", 1),
        (NOW - hour, NOW + hour, "prod", "test", "shop", 0),
        (NOW - hour, NOW + hour, "staging", "real", "shop", 0),
        (NOW - hour, NOW + hour, "staging", "test", "desk", 0),
    ):
        assert rows(migrated_database, HELD, begin, end, env, mode, service) == [(held,)]


def test_sources_are_bounded_and_what_has_no_room_is_still_a_doubt(
    migrated_database: str, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unread, "MAX_SOURCES", 3)
    for place in range(6):
        write(writer, sighting(f"span {place}", scope=f"scope {place}", service_name="shop"))
    found = rows(migrated_database, "SELECT scope, service_name, spans FROM genai.unread ORDER BY 3 DESC, 1")
    assert found[0] == (OTHER, OTHER, 4)
    assert len(found) == 3
    begin, end = NOW - timedelta(hours=1), NOW + timedelta(hours=1)
    assert rows(migrated_database, HELD, begin, end, "prod", "real", "shop") == [(6,)]


@pytest.mark.parametrize("call_first", [True, False])
@pytest.mark.parametrize("is_around", [True, False])
def test_usage_around_or_inside_of_a_call_of_another_request_is_taken_back(
    migrated_database: str, writer: Writer, call_first: bool, is_around: bool
) -> None:
    outer, inner = ("t/outer", "t/inner")
    if is_around:
        parts: list[UncountedSpan | ModelCall] = [sighting(outer), counted(inner, outer)]
    else:
        parts = [sighting(inner, parent=outer), counted(outer, "t/server")]
    for part in reversed(parts) if call_first else parts:
        write(writer, part)
        bind(migrated_database)
    assert spans(migrated_database) == 0
    write(writer, parts[0])
    assert spans(migrated_database) == 0


def test_usage_inside_of_a_wrapper_leaves_when_the_wrapper_is_counted(
    migrated_database: str, writer: Writer
) -> None:
    trace, span = _ids("t/agent")
    agent = call("t/agent", trace_id=trace, span_id=span, parent_span_id=b"")
    write(writer, UncountedSpan(trace, span, b"", "agent", "it repeats usage", wrapper=True, call=agent))
    write(writer, sighting("t/own", parent="t/agent"))
    bind(migrated_database)
    assert spans(migrated_database) == 1
    with Binder(migrated_database, lambda made: PRICED) as binder:
        assert binder.bind(NOON_NS + 1200 * SECOND_NS).promoted == 1
    assert spans(migrated_database) == 0


KINDS = {"own": OWN, "call": {}, "named": {"endpoint_tag": "checkout"}}


@settings(max_examples=examples(20), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tree=st.lists(st.tuples(st.sampled_from(sorted(KINDS)), st.integers(0, 4)), min_size=1, max_size=5),
    order=st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=5), min_size=1, max_size=4),
)
def test_the_figure_of_a_trace_follows_from_its_spans_alone(
    migrated_database: str, tree: list[tuple[str, int]], order: list[list[int]]
) -> None:
    """Split in any way, in any order, with any repetition: unread is what no call is around or inside of."""
    made = [_node(place, kind, above) for place, (kind, above) in enumerate(tree)]
    with psycopg.connect(migrated_database) as connection:
        connection.execute(
            "TRUNCATE _genai.unread, _genai.unread_span, _genai.sighting, _genai.open_call, _genai.arrival,"
            " _genai.call_key"
        )
    writer = Writer(migrated_database)
    requests = [[made[n] for n in one if n < len(made)] for one in order]
    for part in [*requests, *([one] for one in made)]:
        if part:
            batch = decode_message(request(*part), T0 + 5 * SECOND_NS)
            writer.write([(batch, [PRICED] * len(batch.calls))])
            with Binder(migrated_database, lambda found: PRICED) as binder:
                binder.bind(T0 + 10 * SECOND_NS)
    writer.close()
    assert spans(migrated_database) == _truth(tree)


def _node(place: int, kind: str, above: int) -> Made:
    """A span below an earlier one, or a root; no two calls are alike."""
    counts = {"gen_ai.usage.input_tokens": 100 + place} if kind == "call" else {}
    base = CHAT if kind == "call" else KINDS[kind]
    parent = above + 1 if above < place else 900
    return Made({**base, **counts}, span_id=place + 1, parent=parent, start=place, scope=("acme.llm", "1"))


def _truth(tree: list[tuple[str, int]]) -> int:
    lines: list[list[int]] = []
    for place, (_, above) in enumerate(tree):
        lines.append([above, *lines[above]] if above < place else [])
    calls = {place for place, (kind, _) in enumerate(tree) if kind == "call"}
    around = {above for place in calls for above in lines[place]}
    return sum(
        kind == "own" and place not in around and calls.isdisjoint(lines[place])
        for place, (kind, _) in enumerate(tree)
    )


def test_a_span_that_comes_again_once_its_vocabulary_is_mapped_is_counted_and_no_longer_unread(
    migrated_database: str, writer: Writer
) -> None:
    write(writer, sighting("t/own"), sighting("t/other"))
    write(writer, counted("t/own"))
    bind(migrated_database)
    assert spans(migrated_database) == 1
    assert rows(migrated_database, "SELECT count(*) FROM genai.model_call") == [(1,)]


def test_usage_beside_a_call_of_its_trace_stays(migrated_database: str, writer: Writer) -> None:
    write(writer, sighting("t/own", parent="t/root"))
    write(writer, counted("t/call", "t/root"))
    bind(migrated_database)
    assert spans(migrated_database) == 1


def test_old_minutes_become_hours_and_old_hours_go(migrated_database: str, writer: Writer) -> None:
    for minute in range(3):
        write(writer, sighting(f"span {minute}", NOON_NS + minute * 60 * SECOND_NS))
    keep(migrated_database, Periods(), NOW + timedelta(days=20))
    ((bucket, held, first, last),) = rows(
        migrated_database, "SELECT bucket, spans, first_seen, last_seen FROM genai.unread"
    )
    assert (bucket, held) == (NOW.replace(minute=0, second=0, microsecond=0), 3)
    assert (first, last) == (NOW, NOW + timedelta(minutes=2))
    write(writer, sighting("late", NOON_NS + 5 * 60 * SECOND_NS))
    assert rows(migrated_database, "SELECT count(*), sum(spans) FROM genai.unread") == [(1, 4)]
    write(writer, sighting("late", NOON_NS + 5 * 60 * SECOND_NS))
    assert spans(migrated_database) == 4
    for _ in range(2):
        keep(migrated_database, Periods(), NOW + timedelta(days=500))
    left = "SELECT 1 FROM _genai.unread UNION SELECT 2 FROM _genai.unread_span UNION SELECT 3 FROM {}"
    assert rows(migrated_database, left.format("_genai.unread_source")) == []


def test_erasing_a_data_mode_takes_its_unread_usage(migrated_database: str, writer: Writer) -> None:
    write(writer, sighting("a", data_mode="demo"), sighting("b"))
    erase_data_mode(migrated_database, "demo")
    assert rows(migrated_database, "SELECT data_mode, spans FROM genai.unread") == [("real", 1)]
    assert rows(migrated_database, "SELECT count(*) FROM _genai.unread_span") == [(1,)]


def test_a_record_without_a_trace_counts_by_its_identity(migrated_database: str, writer: Writer) -> None:
    record = UncountedSpan(
        b"", b"", b"", "event", "unread", unread=Unread(b"record 1", NOON_NS, "cli", "1", KEYS)
    )
    write(writer, record)
    write(writer, record)
    assert spans(migrated_database) == 1


def test_the_reader_sees_the_figures_and_nothing_else(migrated_database: str, writer: Writer) -> None:
    write(writer, sighting("a"))
    with psycopg.connect(migrated_database) as connection:
        connection.execute("SET ROLE grafana_reader")
        assert connection.execute("SELECT spans FROM genai.unread").fetchall() == [(1,)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT FROM _genai.unread_span")
