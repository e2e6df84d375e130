"""A crawler over pages and notifications: each link's target exists and keeps what the reader chose."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import psycopg
import pytest

from operations.alerts import document
from operations.alerts.model import Row, detail
from operations.inbox.receive import receive
from operations.inbox.story import explain_due
from operations.incidents.model import open_incident
from processor.alerting.catalogue import RULES, Place
from service.outage import Outage
from tests.dashboards.files import dashboards
from tests.operations.alert_documents import START, alert, grafana
from tests.operations.test_classify import CALL, NOW
from tests.operations.test_inbox_story import HOUR
from tests.service.inbox import Browser, Page
from tests.service.test_ops import status

PAGES_AT_MOST = 100
MILLISECONDS = (str(round(NOW.timestamp() * 1000)), str(round((NOW + HOUR).timestamp() * 1000)))
AWKWARD = "a b&c#d+e/f?g=h\"i'j%k ü"


def parameters(address: str) -> dict[str, str]:
    found = parse_qs(urlsplit(address).query, keep_blank_values=True)
    assert all(len(values) == 1 for values in found.values()), address
    return {name.removeprefix("var-"): values[0] for name, values in found.items()}


def inside(page: Page) -> Iterator[tuple[str, str]]:
    """Links within the service: text and address, without a fragment."""
    for text, link in page.links.items():
        address = urljoin(page.address, link)
        if urlsplit(address).netloc == "localhost:4319":
            yield text, address.partition("#")[0]


@pytest.fixture
def crawled(explained: str) -> str:
    """The explained alert in an incident, and an alert whose labels could break an address."""
    with psycopg.connect(explained, autocommit=True, options="-c timezone=UTC") as connection:
        open_incident(connection, 1, "ada")
        receive(connection, grafana(alert("9", endpoint=AWKWARD, tenant=AWKWARD, env="staging")), now=START)
        explain_due(connection)
    return explained


@pytest.mark.timeout(300)
async def test_every_link_of_every_page_leads_somewhere(crawled: str) -> None:
    browser = Browser(status(crawled))
    waiting, seen = ["/inbox?state=*", "/incidents?state=*"], set[str]()
    kinds: set[str] = set()
    while waiting and len(seen) < PAGES_AT_MOST:
        address = waiting.pop(0)
        # One of each kind is enough: comparisons and calls grow with every focus.
        path = urlsplit(address).path.split("/")[1]
        kind = address if path in ("alert", "incident") else f"{path}?{sorted(parameters(address))}"
        if kind in kinds:
            continue
        seen.add(address)
        kinds.add(kind)
        page = await browser.open(address)
        assert page.status == 200, address
        waiting += [found for _, found in inside(page)]
    paths = {urlsplit(address).path for address in seen}
    assert {
        "/",
        "/compare",
        "/inbox",
        "/incidents",
        "/alert/1",
        "/alert/2",
        "/incident/1",
        "/service",
    } <= paths


async def test_links_from_an_alert_keep_its_window_selection_baseline_and_focus(crawled: str) -> None:
    browser = Browser(status(crawled))
    for number, focus, env in (
        (1, {"endpoint": CALL.endpoint}, "prod"), (2, {"endpoint": AWKWARD, "tenant": AWKWARD}, "staging"),
    ):  # fmt: skip
        page = await browser.open(f"/alert/{number}")
        links = [address for _, address in inside(page) if "/compare" in address]
        assert links
        for address in links:
            given = parameters(address)
            if "from" not in given:
                assert address.endswith("/compare")  # the menu's own
                continue
            assert given["from"].isdecimal()
            assert given["to"].isdecimal()
            if number == 1:
                assert (given["from"], given["to"]) == MILLISECONDS
            assert (given["env"], given["data_mode"]) == (env, "real")
            assert given["baseline"] in ("previous", "24h")
            assert {name: given[name] for name in focus} == focus


async def test_links_into_grafana_name_a_dashboard_with_the_same_place(crawled: str) -> None:
    page = await Browser(status(crawled)).open("/alert/1")
    found = [link for link in page.links.values() if "grafana.example/d/" in link]
    assert len(found) >= 3
    for address in found:
        uid = urlsplit(address).path.split("/")[2]
        assert uid in dashboards()
        given = parameters(address)
        names = {each["name"] for each in dashboards()[uid]["templating"]["list"]}
        assert set(given) - {"from", "to", "timezone"} <= names
        assert given["timezone"] == "utc"
        assert given["env"] == "prod"
        if "compare/compare" not in address:  # that one is the alert's own, of the fixture
            assert (given["from"], given["to"]) == MILLISECONDS
            assert (given["baseline"], given["endpoint"]) == ("previous", CALL.endpoint)


PAGES_AT = "http://localhost:4319"


async def test_the_links_of_every_notification_lead_to_its_own_window_and_runbook(
    explained: str, tmp_path: Path
) -> None:
    row = Row(
        env="prod", data_mode="real", service="", endpoint=CALL.endpoint, prompt_version="", tenant=AWKWARD,
        user="", model="", scope="", owner="", score=1.5, value=1.5, threshold=1.0, baseline=24.0,
        window_from=NOW, window_to=NOW + HOUR,
    )  # fmt: skip
    told = []
    with psycopg.connect(explained, autocommit=True, options="-c timezone=UTC") as connection:
        connection.execute("INSERT INTO _genai.setting (key, value) VALUES ('public_url', %s)", (PAGES_AT,))
        for rule in RULES:
            said = detail(connection, rule, row)
            told.append(document.alert(rule, Place.PROD, row, said, NOW + HOUR, PAGES_AT))
    for alert_, rule in zip(told, RULES, strict=True):
        given = parameters(alert_["annotations"]["investigate_url"])
        assert (given["from"], given["to"]) == MILLISECONDS, rule.id
        assert (given["env"], given["data_mode"], given["baseline"]) == ("prod", "real", "24h"), rule.id
        for name in rule.labels:
            if value := getattr(row, name, ""):
                assert given[name] == value, rule.id

    outage = Outage(tmp_path, PAGES_AT, told.append)
    for moment in (NOW, NOW + HOUR):  # the one that the ledger itself cannot tell
        outage.failed(moment)
    given = parameters(told[-1]["annotations"]["investigate_url"])
    assert (given["from"], given["to"]) == MILLISECONDS

    browser, runbooks = Browser(status(explained)), ""
    for address in {each["annotations"]["investigate_url"] for each in told}:
        assert (await browser.open(address)).status == 200, address
    for each in told:
        place, _, section = each["annotations"]["runbook_url"].partition("#")
        runbooks = runbooks or (await browser.open(place)).html
        assert place == f"{PAGES_AT}/runbooks"
        assert f'id="{section}"' in runbooks, section
        assert (
            each["annotations"]["investigate_url"]
            in document.slack(document.document([each], "x", ""))["text"]
        )
