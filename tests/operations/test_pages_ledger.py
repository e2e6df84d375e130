"""The pages on real databases with a planted incident: their figures are those of `spanledger compare`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from typer.testing import CliRunner

from cli.__main__ import build
from operations import format as words
from operations.compare.model import TERMS, Focus, Question
from operations.compare.page import compare_page
from operations.explain.page import call_page
from operations.spend.page import home_page
from operations.web.parameters import WINDOWS, BadParameter, Links, calls_shown
from operations.web.render import Service
from operations.web.svg import waterfall
from tests.operations.ledger import NO_USAGE, UNPRICED, Call, fill
from tests.operations.test_classify import BEFORE, CALL, NOW, V2, tokens, traffic
from tests.operations.test_compare import HOSTILE

HOUR = timedelta(hours=1)
QUESTION = Question(NOW, NOW + HOUR)
SERVICE = Service("0", None, {"grpc": "127.0.0.1:4317", "http": "127.0.0.1:4318"})
LINKS = Links("./")
UNNERVING = [
    *HOSTILE,
    '"><script>alert(1)</script>',
    "</style><b>",
    "\u202egnp.exe",
    "{{ 7 * 7 }}",
    "a & b # c + d / e ?",
]


class Page(NamedTuple):
    """A page as the browser takes it: its elements with their attributes, and its text."""

    elements: list[tuple[str, dict[str, str | None]]]
    text: str

    def links(self) -> list[str]:
        return [
            str(attributes["href"])
            for tag, attributes in self.elements
            if tag == "a" and "href" in attributes
        ]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.is_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.is_style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self.is_style = False

    def handle_data(self, data: str) -> None:
        if not self.is_style:
            self.texts.append(data)


def read(html: str) -> Page:
    reader = _Reader()
    reader.feed(html)
    return Page(reader.elements, re.sub(r"\s+", " ", " ".join(reader.texts)))


@pytest.fixture
def incident(migrated_database: str) -> Iterator[tuple[str, psycopg.Connection[Any]]]:
    """A new prompt version at checkout writes more; elsewhere no price, no usage, and a test."""
    other = replace(CALL, endpoint="search")
    fill(
        migrated_database,
        [
            *traffic(BEFORE, 200), *traffic(BEFORE, 100, other),
            *traffic(NOW, 220, tokens(1.6, like=V2)), *traffic(NOW, 100, other),
            *traffic(NOW, 5, replace(other, status="cancelled", costs=None, price_status=NO_USAGE)),
            *traffic(NOW, 3, replace(other, model="brand-new", costs=None, price_status=UNPRICED)),
            *traffic(NOW, 7, replace(other, environment="staging", data_mode="test")),
        ],
    )  # fmt: skip
    with psycopg.connect(migrated_database, autocommit=True, options="-c timezone=UTC") as connection:
        yield migrated_database, connection


def told(dsn: str, question: Question) -> Any:
    """What `spanledger compare --json` says to the same question."""
    arguments = [
        "compare", "--json", "--database-url", dsn, "--by", question.dimension,
        "--from", f"{question.start:%Y-%m-%dT%H:%M:%S}", "--to", f"{question.end:%Y-%m-%dT%H:%M:%S}",
        "--baseline", question.baseline,
    ]  # fmt: skip
    for name, value in question.focus._asdict().items():
        arguments += [f"--{name.replace('_', '-')}={value}"] if value is not None else []
    done = CliRunner().invoke(build(), arguments)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "question",
    [
        QUESTION, QUESTION._replace(dimension="prompt_version", focus=Focus(endpoint="checkout")),
        QUESTION._replace(dimension="tenant"), QUESTION._replace(dimension="model", baseline="1h"),
        QUESTION._replace(dimension="endpoint", focus=Focus(user="user-3")),
        QUESTION._replace(dimension="model", focus=Focus(provider="openai")),
    ],
    ids=lambda question: f"{question.dimension} {[*filter(None, question.focus)]}",
)  # fmt: skip
def test_the_story_has_the_figures_of_the_command_line(
    incident: tuple[str, psycopg.Connection[Any]], question: Question
) -> None:
    dsn, connection = incident
    page = read(compare_page(connection, question, LINKS, SERVICE))

    answer = told(dsn, question)
    total = answer["total"]
    titles = {attributes.get("title") for _, attributes in page.elements}
    for name in TERMS:
        amount = Decimal(total[f"{name}Usd"])
        assert words.exactly(amount) in titles, name
        assert f"{name} {words.signed(amount)}" in page.text, name
    assert f"the sum of the steps, exactly {words.exactly(Decimal(total['deltaUsd']))}" in page.text
    for segment in answer["segments"]:
        assert segment["segment"] in page.text
        assert words.exactly(Decimal(segment["deltaUsd"])) in titles
        assert words.usd(Decimal(segment["costUsd"])) in page.text
    assert answer["class"]["sentence"] in page.text
    for driver in answer["drivers"]:
        assert f"{driver['name']} , {words.signed(Decimal(driver['excessUsd']))}" in page.text


def test_the_steps_lead_from_before_to_now_without_a_rest(
    incident: tuple[str, psycopg.Connection[Any]],
) -> None:
    from operations.compare.model import compare

    total = compare(incident[1], QUESTION).total
    assert total is not None
    drawn = waterfall(total)
    bars = {bar.name: bar for bar in drawn.bars}
    reached = total.baseline_cost_usd
    scale = max(total.cost_usd, total.baseline_cost_usd, reached + total.tokens_usd)
    for name in TERMS:
        bar, start, reached = bars[name], reached, reached + total.term(name)
        if bar.amount:
            assert bar.x == pytest.approx(float(min(start, reached) / scale * 100), abs=2)
            assert bar.kind == ("rise" if bar.amount > 0 else "fall")
    assert reached == total.cost_usd == bars["now"].amount


def test_a_small_change_of_a_large_spend_is_drawn_on_a_cut_axis(migrated_database: str) -> None:
    fill(migrated_database, [*traffic(BEFORE, 1_000), *traffic(NOW, 1_010)])
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        page = read(compare_page(connection, QUESTION, LINKS, SERVICE))
    assert "Bars start at $" in page.text
    rise = next(
        attributes
        for _, attributes in page.elements
        if attributes.get("class") == "rise" and "x" in attributes
    )
    assert float(str(rise["width"])) > 20


def test_one_click_narrows_to_the_driver_and_splits_it_further(
    incident: tuple[str, psycopg.Connection[Any]],
) -> None:
    page = read(compare_page(incident[1], QUESTION, LINKS, SERVICE))
    start, end = (round(moment.timestamp() * 1000) for moment in (NOW, NOW + HOUR))
    assert (
        f"./compare?from={start}&to={end}&baseline=previous&env=prod&data_mode=real&by=prompt_version&endpoint=checkout"
        in page.links()
    )


def test_every_link_keeps_window_selection_and_baseline(
    incident: tuple[str, psycopg.Connection[Any]],
) -> None:
    question = QUESTION._replace(baseline="1h", dimension="tenant", focus=Focus(endpoint="checkout"))
    page = read(compare_page(incident[1], question, LINKS, SERVICE))
    compared = [link for link in page.links() if link.startswith("./compare")]
    assert len(compared) > 8
    windows = {link for link in compared if "&to=now" in link}
    assert len(windows) == len(WINDOWS) - 1  # the one that is shown is no link
    for link in compared:
        assert link in windows or f"from={round(NOW.timestamp() * 1000)}&to=" in link
        assert "&env=prod&data_mode=real" in link
        assert "&baseline=" in link


def test_calls_of_the_focus_are_shown_with_links_to_their_bills(
    incident: tuple[str, psycopg.Connection[Any]],
) -> None:
    page = read(compare_page(incident[1], QUESTION._replace(focus=Focus(endpoint="search")), LINKS, SERVICE))
    assert len([link for link in page.links() if link.startswith("./call/")]) == 50
    assert "the newest 50" in page.text
    narrow = QUESTION._replace(focus=Focus(endpoint="search", model="brand-new"))
    assert "all 3" in read(compare_page(incident[1], narrow, LINKS, SERVICE)).text


def test_what_has_no_price_makes_the_figures_at_least(incident: tuple[str, psycopg.Connection[Any]]) -> None:
    page = read(compare_page(incident[1], QUESTION, LINKS, SERVICE))
    assert "→ ≥ $" in page.text
    assert "3 calls (0 before) without a price" in page.text
    assert "usage of 5 calls (0 before) is missing or estimated" in page.text


def test_an_empty_window_points_to_data_elsewhere(incident: tuple[str, psycopg.Connection[Any]]) -> None:
    page = read(compare_page(incident[1], QUESTION._replace(data_mode="demo"), LINKS, SERVICE))
    assert "No calls in either window" in page.text
    assert any("env=staging&data_mode=test" in link for link in page.links())
    assert any("env=prod&data_mode=real" in link for link in page.links())


def test_hostile_values_are_text_and_their_links_lead_back_to_them(migrated_database: str) -> None:
    like = Call(NOW, costs=(10**9, 0, 0, 10**9, 0))
    fill(
        migrated_database,
        [
            replace(
                like, time=NOW + i * timedelta(minutes=1), endpoint=value, prompt_version=value, tenant=value,
                user=value, model=value,
            )
            for i, value in enumerate(UNNERVING)
        ],
    )  # fmt: skip
    question = QUESTION._replace(environment="*", data_mode="*")
    with psycopg.connect(migrated_database, autocommit=True, options="-c timezone=UTC") as connection:
        pages = [
            compare_page(connection, question, LINKS, SERVICE, limit=50),
            compare_page(connection, question._replace(dimension="user"), LINKS, SERVICE, limit=50),
            home_page(connection, question, LINKS, SERVICE, NOW + HOUR, is_live=True),
            *(
                compare_page(
                    connection,
                    question._replace(focus=Focus(value, value, value, value, value)),
                    LINKS,
                    SERVICE,
                )
                for value in UNNERVING
            ),
        ]
        narrowed = [read(page) for page in pages[3:]]
    allowed = {
        "html", "head", "meta", "title", "style", "body", "header", "main", "footer", "a", "b", "bdi", "br",
        "button", "code", "datalist", "dd", "details", "div", "dl", "dt", "em", "form", "h1", "h2", "input",
        "label", "nav", "option", "p", "polygon", "polyline", "rect", "section", "span", "summary", "svg",
        "table", "td", "th", "tr",
    }  # fmt: skip
    for page in map(read, pages):
        assert {tag for tag, _ in page.elements} <= allowed
        assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    for value, page in zip(UNNERVING, narrowed, strict=True):
        assert "all 1" in page.text, value
        assert " ".join(words.printable(value).split()) in page.text, value


def test_the_first_page_says_what_is_spent_and_what_is_not_in_it(
    incident: tuple[str, psycopg.Connection[Any]],
) -> None:
    dsn, connection = incident
    page = read(home_page(connection, QUESTION, LINKS, SERVICE, NOW + HOUR, is_live=False))

    total = told(dsn, QUESTION)["total"]
    spend = connection.execute(
        "SELECT sum(cost_usd) FROM genai.model_call WHERE environment = 'prod' AND data_mode = 'real'"
    ).fetchone()
    assert spend is not None
    assert f"≥ {words.usd(spend[0])} today since 00:00 UTC 628 calls" in page.text
    assert f"≥ {words.usd(spend[0])} this month since 1 May, UTC" in page.text
    assert words.signed(Decimal(total["deltaUsd"])) in page.text
    assert "calls without a price 3 openai/brand-new (3)" in page.text
    assert "calls with uncertain usage or price 5" in page.text
    assert "staging test 7" in page.text
    assert "v2 of checkout" in page.text
    top = [link for link in page.links() if "endpoint=checkout" in link]
    assert any("prompt_version=v2" in link for link in top)


def test_failed_calls_can_be_listed_alone(incident: tuple[str, psycopg.Connection[Any]]) -> None:
    _, connection = incident
    ask = (connection, QUESTION, LINKS, SERVICE)
    assert "No call of this selection failed." in compare_page(*ask, failed=True)
    connection.execute(
        "UPDATE _genai.model_call SET status = 2 WHERE call_key IN"
        " (SELECT m.call_key FROM _genai.model_call m WHERE m.time >= %s AND m.status = 1 LIMIT 3)",
        (NOW,),
    )
    for page in (
        home_page(*ask, NOW + HOUR, is_live=False, failed=True),
        compare_page(*ask, failed=True),
    ):
        assert page.count('<td class="bad">error') == 3
        assert "<td>success</td>" not in page
    for page in (
        home_page(connection, QUESTION, LINKS, SERVICE, NOW + HOUR, is_live=False),
        compare_page(connection, QUESTION, LINKS, SERVICE),
    ):
        assert any("calls=failed" in link for link in read(page).links())
    assert calls_shown([("env", "prod"), ("calls", "failed")]) == ([("env", "prod")], True)
    with pytest.raises(BadParameter, match="all or failed"):
        calls_shown([("calls", "most")])


def test_pages_lead_into_the_grafana_that_is_configured_with_all_of_their_selection(
    incident: tuple[str, psycopg.Connection[Any]],
) -> None:
    dsn, connection = incident
    question = QUESTION._replace(environment="prod,staging & co", focus=Focus(endpoint="checkout"))
    assert "Grafana" not in compare_page(connection, question, LINKS, SERVICE)
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO _genai.setting (key, value) VALUES ('grafana_url', 'https://grafana.example/')"
        )
    page = read(compare_page(connection, question, LINKS, SERVICE))
    (compare,) = [link for link in page.links() if "/d/spanledger-compare?" in link]
    assert compare.startswith("https://grafana.example/d/")
    assert "var-env=prod&var-env=staging%20%26%20co&" in compare
    assert "var-endpoint=checkout" in compare
    assert f"from={round(question.start.timestamp() * 1000)}&" in compare


def test_the_spend_of_the_tables_is_that_of_the_comparison(
    incident: tuple[str, psycopg.Connection[Any]],
) -> None:
    dsn, connection = incident
    page = read(home_page(connection, QUESTION, LINKS, SERVICE, NOW + HOUR, is_live=False))
    titles = {attributes.get("title") for _, attributes in page.elements}
    for question in (
        QUESTION,
        QUESTION._replace(dimension="prompt_version", focus=Focus(endpoint="checkout")),
    ):
        for segment in told(dsn, question)["segments"]:
            if segment["calls"]:
                assert words.exactly(Decimal(segment["costUsd"])) in titles


def test_an_empty_ledger_says_how_to_send_the_first_span(migrated_database: str) -> None:
    now = datetime.now(UTC)
    with psycopg.connect(migrated_database, autocommit=True) as connection:
        page = home_page(connection, Question(now - HOUR, now), LINKS, SERVICE, now, is_live=True)
        assert "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317" in page
        assert "No calls in either window" in compare_page(
            connection, Question(now - HOUR, now), LINKS, SERVICE
        )


def test_a_page_alone_needs_nothing_else(incident: tuple[str, psycopg.Connection[Any]]) -> None:
    page = read(compare_page(incident[1], QUESTION, Links(None)))
    assert page.links() == []
    assert not {"script", "link", "img", "iframe", "form", "object", "base"} & {
        tag for tag, _ in page.elements
    }
    policy = [attributes["content"] for _, attributes in page.elements if attributes.get("http-equiv")]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'"]


def test_calls_of_a_provider_are_shown_and_no_others(incident: tuple[str, psycopg.Connection[Any]]) -> None:
    known = QUESTION._replace(dimension="model", focus=Focus(provider=CALL.provider))
    for question, calls in ((known, 50), (known._replace(focus=Focus(provider="nobody")), 0)):
        page = read(compare_page(incident[1], question, LINKS, SERVICE))
        assert len([link for link in page.links() if link.startswith("./call/")]) == calls


def test_a_call_whose_row_is_gone_has_no_page(incident: tuple[str, psycopg.Connection[Any]]) -> None:
    unknown = "00000000-0000-0000-0000-000000000000"
    assert call_page(incident[1], unknown, [], LINKS, SERVICE) is None


def test_a_call_without_a_price_says_why(incident: tuple[str, psycopg.Connection[Any]]) -> None:
    found = (
        incident[1]
        .execute("SELECT call_key, time FROM genai.model_call WHERE price_status = 'unpriced_model' LIMIT 1")
        .fetchone()
    )
    assert found is not None
    for parameters in ([], [("at", found[1].isoformat())]):
        page = read(call_page(incident[1], str(found[0]), parameters, LINKS, SERVICE) or "")
        assert "cost unknown unpriced model" in page.text
        assert "Its cost is unknown, not zero" in page.text


def test_compare_writes_the_page_to_send_around(
    incident: tuple[str, psycopg.Connection[Any]], tmp_path: Path
) -> None:
    file, config = tmp_path / "story.html", tmp_path / "spanledger.yaml"
    window = ["--from", f"{NOW:%Y-%m-%dT%H:%M}", "--to", f"{NOW + HOUR:%Y-%m-%dT%H:%M}"]
    arguments = ["compare", *window, "--database-url", incident[0], "--html", str(file)]

    done = CliRunner().invoke(build(), [*arguments, "--by", "model", "--provider", "openai"])
    assert done.exit_code == 0, done.output
    page = read(file.read_text())
    assert "Each call costs" in page.text
    assert page.links() == []

    config.write_text("public_url: https://ledger.example/spend\n")
    assert CliRunner().invoke(build(), [*arguments, "--config", str(config)]).exit_code == 0
    links = read(file.read_text()).links()
    assert links
    assert all(link.startswith("https://ledger.example/spend/") for link in links)


def test_a_page_that_cannot_be_written_is_told(incident: tuple[str, psycopg.Connection[Any]]) -> None:
    arguments = ["compare", "--database-url", incident[0], "--html", "/nowhere/story.html"]
    done = CliRunner().invoke(build(), arguments)
    assert done.exit_code != 0
    assert "--html: /nowhere/story.html cannot be written" in done.output
