"""What a page was asked for and where its bars stand: no database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.compare.model import DIMENSIONS, Focus, Question
from operations.web.parameters import WINDOWS, BadParameter, Links, kept, parameters_of, question_of
from operations.web.svg import Point, chart

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def asked(address: str) -> Question:
    return question_of(parse_qsl(address, keep_blank_values=True), NOW)


def test_nothing_asked_is_the_last_day_of_production() -> None:
    assert asked("") == Question(NOW - timedelta(hours=24), NOW)


@pytest.mark.parametrize(
    "text",
    ["1777892400000", "2026-05-04T11:00:00Z", "2026-05-04T13:00:00%2B02:00", "2026-05-04T11:00", "now-1h"],
)
def test_a_time_is_milliseconds_or_iso_8601_or_relative(text: str) -> None:
    assert asked(f"from={text}").start == NOW - timedelta(hours=1)


def test_a_time_is_written_as_in_the_terminal() -> None:
    assert asked("from=yesterday&to=today").start == datetime(2026, 5, 3, tzinfo=UTC)
    assert asked("baseline=2026-05-01..2026-05-02").baseline == "2026-05-01T00:00:00Z..2026-05-02T00:00:00Z"


def test_an_address_of_grafana_asks_the_same() -> None:
    address = (
        "orgId=1&from=now-6h&to=now&timezone=utc&refresh=1m&var-env=prod&var-env=staging&var-data_mode=test"
        "&var-baseline=168h&var-endpoint=a%26b&var-prompt_version=*&var-user=&var-service=*"
    )
    assert asked(address) == Question(
        NOW - timedelta(hours=6), NOW, "168h", "prod,staging", "test", "endpoint", Focus(endpoint="a&b")
    )


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("from=tomorrow", "from"), ("to=999999999999999", "to"), ("to=1e9", "to"), ("from=now-0h", "from"),
        ("from=2026-05-04T12:00:00Z", "from"), ("from=now%2B1h", "from"), ("from=", "from"),
        ("from=1990-01-01", "from"), ("from=0001-01-01", "from"), ("baseline=0h", "baseline"),
        ("baseline=1w", "baseline"), ("baseline=99999999d", "baseline"), ("baseline=a..b", "baseline"),
        ("baseline=2026-05-02T00:00:00Z..2026-05-01T00:00:00Z", "baseline"), ("by=colour", "by"),
        ("endpont=x", "endpont"), ("endpoint=a%00b", "endpoint"), ("endpoint=" + "x" * 1025, "endpoint"),
        ("data_mode=real&data_mode=test", "data_mode"),
    ],
)  # fmt: skip
def test_a_parameter_that_cannot_be_read_is_named(address: str, name: str) -> None:
    with pytest.raises(BadParameter) as caught:
        asked(address)
    assert caught.value.name == name
    assert caught.value.expected


def test_an_unknown_parameter_is_answered_with_the_one_that_was_meant() -> None:
    with pytest.raises(BadParameter) as caught:
        asked("baselin=24h")
    assert caught.value.sentence.startswith("Unknown parameter baselin. Did you mean baseline?")


def test_another_window_keeps_everything_else() -> None:
    question = asked("baseline=168h&env=staging&data_mode=test&by=model&endpoint=a&tenant=t")
    assert kept(question) == {"baseline": "168h", "by": "model", "endpoint": "a", "tenant": "t"}
    for _, since, length in WINDOWS:
        link = Links("./").to("compare", question, **{"from": since, "to": "now"})
        assert link is not None
        again = asked(urlsplit(link).query)
        assert again.end - again.start == length
        assert again._replace(start=question.start, end=question.end) == question


_times = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
_values = st.text(min_size=1, max_size=40).filter(lambda text: "\x00" not in text and text != "*")
_questions = st.builds(
    Question,
    _times,
    st.just(datetime(2030, 1, 2, tzinfo=UTC)),
    st.sampled_from(["previous", "24h", "168h", "2026-05-01T00:00:00Z..2026-05-02T00:00:00Z"]),
    _values,
    _values,
    st.sampled_from(DIMENSIONS),
    st.builds(Focus, *[st.none() | _values] * len(Focus._fields)),
)


@given(_questions)
def test_a_link_asks_exactly_the_question_that_it_was_made_of(question: Question) -> None:
    link = Links("./").compare(question)
    assert link is not None
    assert link.isascii()
    assert question_of(parse_qsl(urlsplit(link).query, keep_blank_values=True), NOW) == question


def test_a_link_changes_only_what_it_says() -> None:
    question = Question(
        NOW - timedelta(hours=1), NOW, "24h", "staging", "demo", "tenant", Focus(endpoint="e")
    )
    link = Links("../").compare(question, tenant="a b", by="user", endpoint=None)
    assert link is not None
    assert link.startswith("../compare?from=1777892400000&to=1777896000000&")
    expected = parameters_of(question) | {"tenant": "a b", "by": "user"}
    del expected["endpoint"]
    assert dict(parse_qsl(urlsplit(link).query)) == expected


def test_without_a_root_there_are_no_links() -> None:
    links = Links(None)
    question = Question(NOW - timedelta(hours=1), NOW)
    assert links.compare(question) is links.home(question) is links.page("service") is None
    assert links.call({"call_key": "k", "time": NOW}) is None


def test_the_highest_spend_is_at_the_top_of_the_chart_and_nothing_at_its_foot() -> None:
    hours = [NOW + timedelta(hours=hour) for hour in range(3)]
    now = [Point(time, Decimal(cost)) for time, cost in zip(hours, ("0", "2", "1"), strict=True)]
    drawn = chart(now, now[:2])
    assert drawn is not None
    assert drawn.now.points == "0.00,100.00 50.00,4.00 100.00,52.00"
    assert drawn.before.points == "0.00,100.00 50.00,4.00"
    assert drawn.now.area == "0.00,100 0.00,100.00 50.00,4.00 100.00,52.00 100.00,100"
    assert drawn.top == 2
    assert [mark.place for mark in drawn.times] == [0, 0, 50, 100]


def test_no_spend_is_no_chart() -> None:
    assert chart([Point(NOW, Decimal(0)), Point(NOW + timedelta(hours=1), Decimal(0))], []) is None
    assert chart([], []) is None
