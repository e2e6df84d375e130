"""The pages of alerts and incidents: from the alert to the closed incident, by links and forms alone."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from operations.inbox.receive import receive
from operations.inbox.story import explain_due
from service import keys
from service.config import SignInConfig
from service.web.sign_in_limit import AT_MOST, WINDOW_SECONDS, SignInLimit
from tests.operations.alert_documents import alert, button_alert, grafana, milliseconds
from tests.operations.ledger import fill
from tests.operations.test_classify import BEFORE, NOW, V2, tokens, traffic
from tests.operations.test_inbox_story import HOUR, drifted
from tests.operations.test_pages_ledger import UNNERVING
from tests.service.inbox import Browser
from tests.service.test_ops import status


def arrive(dsn: str, *alerts: dict[str, Any]) -> None:
    with psycopg.connect(dsn, autocommit=True, options="-c timezone=UTC") as connection:
        receive(connection, grafana(*alerts))
        explain_due(connection)


async def test_one_walks_from_the_inbox_to_the_closed_incident(explained: str) -> None:
    browser = Browser(status(explained))

    inbox = await browser.open("/inbox")
    alert_page = await browser.click(inbox, "Cost per request drifted")
    assert "because v2 reads and writes 60% more" in alert_page.text
    assert "Unchanged: no late calls and no corrections" in alert_page.text
    compare = await browser.click(alert_page, "Compare in detail")
    assert compare.status == 200
    driver = next(text for text in alert_page.links if "v2" in text)
    focused = await browser.click(alert_page, driver)
    assert "prompt version v2" in focused.text
    incident = await browser.send(alert_page, "Open an incident")
    assert incident.address.endswith("/incident/1")
    assert "Roll checkout back from v2" in incident.text
    contained = await browser.send(incident, "Contained")
    assert "The burn is measured again" in contained.text
    closed = await browser.send(contained, "Close the incident")
    assert "Guardrail:" in closed.text
    assert "local close" in closed.text
    assert (await browser.open("/inbox")).text.count("No alert matches") == 1
    assert "closed by local" in (await browser.open("/incidents?state=closed")).text


async def test_a_containment_of_hours_ago_is_judged_at_once(migrated_database: str) -> None:
    after = traffic(NOW + HOUR, 200)
    fill(migrated_database, [*traffic(BEFORE, 200), *traffic(NOW, 220, tokens(1.6, like=V2)), *after])
    arrive(migrated_database, drifted())
    browser = Browser(status(migrated_database))
    incident = await browser.send(await browser.open("/alert/1"), "Open an incident")
    held = f"{NOW + HOUR:%Y-%m-%dT%H:%M}"

    refused = await browser.send(incident, "Contained", contained_at="yesterday noon")
    contained = await browser.send(incident, "Contained", contained_at=held)

    assert refused.status == 409
    assert "The time of the containment: expected" in refused.text
    assert "The containment worked. Before the incident $0.0" in contained.text


async def test_a_new_version_leads_to_the_comparison_of_its_endpoint(explained: str) -> None:
    browser = Browser(status(explained))
    window = f"from={milliseconds(NOW)}&to={milliseconds(NOW + HOUR)}&endpoint=checkout"

    focused = await browser.open(f"/compare?{window}&prompt_version=v2")
    whole = await browser.click(focused, "Compare its endpoint checkout")

    assert "v2 made no calls in the baseline" in focused.text
    assert "because v2 reads and writes 60% more" in whole.text


async def test_closing_without_what_it_needs_says_what_is_missing(explained: str) -> None:
    browser = Browser(status(explained))
    incident = await browser.send(await browser.open("/alert/1"), "Open an incident")

    refused = await browser.send(incident, "Close the incident", guardrail="")

    assert refused.status == 409
    assert "The containment, a guardrail are missing; or waive it with a reason." in refused.text


async def test_a_text_that_came_too_late_is_shown_and_overwrites_nothing(explained: str) -> None:
    browser = Browser(status(explained))
    seen = await browser.send(await browser.open("/alert/1"), "Open an incident")
    await browser.send(seen, "Save", owner="ada")

    refused = await browser.send(seen, "Save", note="a long note that nobody wants to write twice")

    assert refused.status == 409
    assert "a long note that nobody wants to write twice" in refused.text
    back = await browser.click(refused, "Back to the page")
    assert back.address == seen.address
    assert back.form("Save").fields["owner"] == "ada"


async def test_later_figures_stand_beside_those_of_the_night(explained: str) -> None:
    with psycopg.connect(explained) as connection:
        connection.execute(
            "UPDATE _genai.usage_hour SET output_cost_pico_usd = output_cost_pico_usd + 5000000000000"
            " WHERE bucket = %s",
            [NOW],
        )
        connection.execute(
            "INSERT INTO _genai.ledger_run (kind, started_by, why) VALUES ('reprice', 'ada', 'new list')"
        )
        connection.execute(
            "INSERT INTO _genai.ledger_line (run_id, at, kind, day, environment, data_mode, provider, model,"
            " calls, cost_pico_usd)"
            " VALUES (1, now() + '1 s', 'reprice', %s, 'prod', 'real', 'openai', 'small', 0, 1)",
            [NOW.date()],
        )

    page = await Browser(status(explained)).open("/alert/1")

    assert "This window: +$5.00; +$5.00 by corrections of earlier calls." in page.text
    assert "repricing: 0 calls" in page.text
    assert "by ada" in page.text
    assert "new list" in page.text


async def test_what_no_alert_told_becomes_an_incident_of_its_window(migrated_database: str) -> None:
    fill(migrated_database, [*traffic(BEFORE, 200), *traffic(NOW, 220, tokens(1.6, like=V2))])
    browser = Browser(status(migrated_database))
    window = f"from={milliseconds(NOW)}&to={milliseconds(NOW + HOUR)}&endpoint=checkout"
    seen = await browser.open(f"/compare?{window}")

    incident = await browser.send(seen, "Open an incident for this window")

    assert incident.address.endswith("/incident/1")
    assert "deploy: endpoint checkout, prompt version v2" in incident.text.replace(" :", ":")
    assert "alerts none" in incident.text
    refused = await browser.client.post(
        "/incident/open?from=x", data={"form_token": seen.forms[-1].fields["form_token"]}
    )
    assert refused.status_code == 409


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", {"drift", "burst", "TestAlert"}),
        ("?severity=critical", {"burst"}),
        ("?env=dev", {"elsewhere"}),
        ("?state=*", {"drift", "burst", "elsewhere", "TestAlert", "over"}),
        ("?state=resolved", {"over"}),
        ("?rule=r2&state=active", {"burst"}),
        ("?owner=nobody", set()),
    ],
)
async def test_the_inbox_is_filtered(migrated_database: str, query: str, shown: set[str]) -> None:
    over = alert("3", alertname="over", rule="r3", ended_at=NOW)
    arrive(
        migrated_database,
        alert("1", alertname="drift", rule="r1"),
        alert("2", alertname="burst", rule="r2", severity="critical"),
        over,
        alert("4", alertname="elsewhere", env="dev", rule="r4"),
        alert("5", alertname="Watchdog", rule="watchdog"),
        button_alert() | {"fingerprint": "6"},
    )
    if query in ("", "?rule=r2&state=active"):
        query = f"{query or '?'}&env=prod&owner=team-checkout"

    page = await Browser(status(migrated_database)).open(f"/inbox{query}")

    names = {"drift", "burst", "elsewhere", "TestAlert", "over", "Watchdog"}
    assert names & set(page.links) == shown
    assert "The watchdog was last heard" in page.text


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/inbox?state=closed", 400), ("/inbox?colour=red", 400), ("/incidents?state=x", 400),
        ("/alert/99", 404), ("/incident/99", 404), ("/alert/99999999999999999999", 404), ("/alert/x", 404),
    ],
)  # fmt: skip
async def test_an_address_that_cannot_be_read_says_so(migrated_database: str, path: str, code: int) -> None:
    assert (await Browser(status(migrated_database)).open(path)).status == code


@pytest.mark.parametrize("hostile", UNNERVING)
async def test_hostile_values_stay_text_on_every_page(migrated_database: str, hostile: str) -> None:
    told = alert(alertname=hostile, owner=hostile, endpoint=hostile, tenant=hostile)
    told["annotations"] |= {"sentence": hostile, "investigate_url": "javascript:alert(1)"}
    arrive(migrated_database, told)
    browser = Browser(status(migrated_database))
    page = await browser.open("/alert/1")
    incident = await browser.send(page, "Open an incident")
    written = await browser.send(incident, "Save", note=hostile, channel=hostile)

    for each in (page, incident, written, await browser.open("/inbox"), await browser.open("/incidents")):
        assert each.status == 200
        assert "<script" not in each.html
        assert "javascript:" not in "".join(each.links.values())
        assert "49" not in each.text.replace("2049", "") or hostile != "{{ 7 * 7 }}"


# Who may read, and who may change.


async def test_with_keys_a_person_signs_in_and_returns_to_the_page_asked_for(explained: str) -> None:
    with psycopg.connect(explained) as connection:
        secrets = {scope: keys.create(connection, f"ada-{scope}", [scope])[1] for scope in keys.SCOPES}
    browser = Browser(status(explained))

    page = await browser.open("/alert/1?x=1")
    assert page.address.endswith("/sign-in?next=alert%2F1%3Fx%3D1")
    assert (await browser.send(page, "Sign in", key="sl_wrong")).status == 401
    assert (await browser.send(page, "Sign in", key=secrets["ingest"])).status == 401
    page = await browser.send(page, "Sign in", key=secrets["operate"])
    assert page.address.endswith("/alert/1?x=1")
    incident = await browser.send(page, "Open an incident")
    assert "ada-operate open" in incident.text
    assert (await browser.send(incident, "Sign out")).address.endswith("/sign-in")
    assert (await browser.open("/alert/1")).address.endswith("/sign-in?next=alert%2F1")
    with psycopg.connect(explained) as connection:
        sessions = connection.execute(
            "SELECT actor, action FROM genai.audit WHERE subject = 'session' ORDER BY at"
        ).fetchall()
    assert sessions == [("ada-operate", "sign in"), ("ada-operate", "sign out")]


async def test_who_tries_many_keys_has_to_wait(explained: str) -> None:
    with psycopg.connect(explained) as connection:
        secret = keys.create(connection, "ada", ["operate"])[1]
    browser = Browser(status(explained))
    tried = [await browser.client.post("/sign-in", data={"key": f"sl_{n}"}) for n in range(AT_MOST + 1)]
    assert {answer.status_code for answer in tried[:-1]} == {401}
    assert tried[-1].status_code == 429
    assert 0 < int(tried[-1].headers["retry-after"]) <= 301
    assert "Try again in" in tried[-1].text
    # The right key does not pass either: else one could go on trying.
    assert (await browser.client.post("/sign-in", data={"key": secret})).status_code == 429


async def test_behind_a_listed_proxy_only_who_tried_many_keys_has_to_wait(explained: str) -> None:
    with psycopg.connect(explained) as connection:
        secret = keys.create(connection, "ada", ["operate"])[1]
    behind = status(explained)._replace(sign_in=SignInConfig(proxies=("10.0.0.0/8",)))

    async def tried(browser: Browser, forwarded: str, key: str) -> int:
        headers = {"x-forwarded-for": forwarded}
        return (await browser.client.post("/sign-in", data={"key": key}, headers=headers)).status_code

    proxy, stranger = Browser(behind, ("10.1.2.3", 1)), Browser(behind, ("192.168.0.1", 1))
    for n in range(AT_MOST):
        # The guesser writes another address in front; the proxies add the true one.
        assert await tried(proxy, f"203.0.113.{n}, 198.51.100.7, 10.9.9.9", f"sl_{n}") == 401
        assert await tried(stranger, f"203.0.113.{n}", f"sl_{n}") == 401
    assert await tried(proxy, "198.51.100.7", secret) == 429
    assert await tried(proxy, "198.51.100.8", secret) == 200
    assert await tried(stranger, "198.51.100.8", secret) == 429
    assert await tried(proxy, "no address", secret) == 200


def test_an_address_may_try_again_when_its_refusals_are_long_ago() -> None:
    now = [0.0]
    limit = SignInLimit(lambda: now[0])
    for _ in range(AT_MOST):
        assert limit.wait_seconds("a") == 0
        limit.note("a")
    assert limit.wait_seconds("a") > 0
    assert limit.wait_seconds("b") == 0
    now[0] = WINDOW_SECONDS + 1
    assert limit.wait_seconds("a") == 0


async def test_who_may_only_read_sees_no_form_and_changes_nothing(explained: str) -> None:
    with psycopg.connect(explained) as connection:
        secret = keys.create(connection, "eve", ["read"])[1]
    browser = Browser(status(explained))
    page = await browser.send(await browser.open("/sign-in"), "Sign in", key=secret)
    page = await browser.open("/alert/1")

    assert [form.button for form in page.forms] == ["Sign out"]
    token = page.form("Sign out").fields
    refused = await browser.client.post("/alert/1/acknowledge", data=token)
    assert refused.status_code == 403
    assert "scope operate" in refused.text


async def test_a_revoked_key_ends_its_sessions(explained: str) -> None:
    with psycopg.connect(explained, autocommit=True) as connection:
        number, secret = keys.create(connection, "ada", ["operate"])
        browser = Browser(status(explained))
        await browser.send(await browser.open("/sign-in"), "Sign in", key=secret)
        assert (await browser.open("/inbox")).address.endswith("/inbox")
        keys.revoke(connection, number)

    assert "/sign-in" in (await browser.open("/inbox")).address


async def test_a_form_of_another_site_changes_nothing(explained: str) -> None:
    browser = Browser(status(explained))
    page = await browser.open("/alert/1")
    fields = page.form("Acknowledge").fields

    for data, headers in (
        ({}, {}),
        ({"form_token": "0" * 64}, {}),
        (fields, {"sec-fetch-site": "cross-site"}),
        (fields, {"sec-fetch-site": "same-site"}),
    ):
        answer = await browser.client.post("/alert/1/acknowledge", data=data, headers=headers)
        assert answer.status_code == 403
    stranger = Browser(status(explained))
    assert (await stranger.client.post("/alert/1/acknowledge", data=fields)).status_code == 403
    with psycopg.connect(explained) as connection:
        assert connection.execute("SELECT state FROM genai.alert_episode").fetchone() == ("open",)
    assert (await browser.send(page, "Acknowledge")).text.count("acknowledged by local") == 1


async def test_a_program_with_a_key_changes_without_a_form(explained: str) -> None:
    with psycopg.connect(explained) as connection:
        secret = keys.create(connection, "bot", ["operate"])[1]
    client = Browser(status(explained)).client

    answer = await client.post("/alert/1/acknowledge", headers={"authorization": f"Bearer {secret}"})

    assert answer.status_code == 200
    assert "acknowledged</b> by <bdi>bot" in answer.text


async def test_a_proxy_names_the_user_and_only_from_its_address(explained: str) -> None:
    config = SignInConfig(mode="proxy", proxies=("10.0.0.0/8",), operators=("ada",))
    of = status(explained)._replace(sign_in=config)
    behind, stranger = Browser(of, ("10.1.2.3", 1)), Browser(of, ("192.168.0.1", 1))

    for name in ("ada", "eve"):
        behind.client.headers["x-forwarded-user"] = name
        page = await behind.open("/alert/1")
        assert page.status == 200
        assert any(form.button == "Acknowledge" for form in page.forms) == (name == "ada")
    stranger.client.headers["x-forwarded-user"] = "ada"
    assert (await stranger.open("/alert/1")).status == 403
    del behind.client.headers["x-forwarded-user"]
    assert (await behind.open("/alert/1")).status == 403


async def test_without_sign_in_a_name_that_is_not_ours_gets_nothing(explained: str) -> None:
    of = status(explained)._replace(sign_in=SignInConfig(mode="none"), public_url="http://costs.example/x/")
    client = Browser(of).client

    assert (await client.get("/inbox")).status_code == 200
    assert (await client.get("http://costs.example/inbox")).status_code == 200
    assert (await client.get("http://evil.example/inbox")).status_code == 403


@pytest.mark.parametrize(
    "asked",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil", "javascript:alert(1)", "../x"],
)
async def test_signing_in_never_leads_elsewhere(migrated_database: str, asked: str) -> None:
    browser = Browser(status(migrated_database))
    page = await browser.client.get("/sign-in", params={"next": asked})
    answer = await browser.client.post(
        page.url, data={"key": ""}, params={"next": asked}, follow_redirects=False
    )

    assert answer.status_code == 303
    assert answer.headers["location"] == "./"
