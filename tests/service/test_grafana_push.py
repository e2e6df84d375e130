"""`spanledger grafana` against the real server at GRAFANA_URL, under prefixes that are thrown away.

GRAFANA_USER and GRAFANA_PASSWORD (admin) make the service accounts; a data source `spanledger` is needed.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest

from dashboards.files import Names, committed, names, renamed
from processor.calls.errors import ConfigError
from tests.machine import NOT_HERE, require

pytestmark = pytest.mark.grafana


class Server(NamedTuple):
    """The server as its administrator, and tokens of its service accounts by role."""

    api: Any
    tokens: dict[str, str]
    accounts: dict[str, int]
    stack: ExitStack

    def ours(self, role: str = "Editor") -> Any:
        from dashboards.push import Grafana

        return self.stack.enter_context(Grafana(os.environ["GRAFANA_URL"], self.tokens[role]))


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    require(request.config, "grafana")
    url = os.environ["GRAFANA_URL"]
    from grafana_client.api import GrafanaApi

    admin = os.environ.get("GRAFANA_USER", "admin"), os.environ.get("GRAFANA_PASSWORD", "admin")
    api = GrafanaApi.from_url(url, admin, timeout=30)
    accounts, tokens = {}, {}
    for role in ("Editor", "Viewer", "Viewer with the folder"):  # permissions are cached for a minute
        name = f"spanledger test {role} {secrets.token_hex(4)}"
        accounts[role] = api.client.POST("/serviceaccounts", json={"name": name, "role": role.split()[0]})[
            "id"
        ]
        path = f"/serviceaccounts/{accounts[role]}/tokens"
        tokens[role] = api.client.POST(path, json={"name": name})["key"]
    with ExitStack() as stack:
        yield Server(api, tokens, accounts, stack)
    for number in accounts.values():
        api.client.DELETE(f"/serviceaccounts/{number}")
    api.client.s.close()


@pytest.fixture
def place(server: Server) -> Iterator[Names]:
    """Names under a prefix of the test's own."""
    from grafana_client.client import GrafanaClientError

    found = names(f"t{secrets.token_hex(3)}", datasource_uid="spanledger")
    yield found
    try:
        server.api.folder.delete_folder(found.folder_uid)
    except GrafanaClientError as error:
        if error.status_code != 404:
            raise


def states(differences: list[Any]) -> set[str]:
    return {difference.state for difference in differences}


def test_a_second_push_changes_nothing(server: Server, place: Names) -> None:
    grafana = server.ours()
    assert states(grafana.differences(place)) == {"new"}
    assert states(grafana.push(place)) == {"new"}
    versions = {uid: server.api.dashboard.get_dashboard(uid)["meta"]["version"] for uid in uids(place)}

    assert states(grafana.differences(place)) == {"same"}
    assert states(grafana.push(place)) == {"same"}

    assert {
        uid: server.api.dashboard.get_dashboard(uid)["meta"]["version"] for uid in uids(place)
    } == versions


def uids(place: Names) -> list[str]:
    return [renamed(dashboard, place)["uid"] for dashboard in committed().values()]


def test_what_is_stored_is_what_is_committed(server: Server, place: Names) -> None:
    server.ours().push(place)
    for dashboard in committed().values():
        wanted = renamed(dashboard, place)
        stored = server.api.dashboard.get_dashboard(wanted["uid"])
        assert stored["meta"]["folderUid"] == place.folder_uid
        kept = {name: value for name, value in stored["dashboard"].items() if name not in ("id", "version")}
        assert kept == {name: value for name, value in wanted.items() if name not in ("id", "version")}


def test_a_change_made_in_grafana_is_shown_where_it_is_and_put_right(server: Server, place: Names) -> None:
    grafana = server.ours()
    grafana.push(place)
    uid = uids(place)[0]
    stored = server.api.dashboard.get_dashboard(uid)["dashboard"]
    title = stored["panels"][1]["title"]
    stored["panels"][1]["title"] = "changed by hand"
    server.api.dashboard.update_dashboard(
        {"dashboard": stored, "folderUid": place.folder_uid, "overwrite": True}
    )

    found = {difference.uid: difference for difference in grafana.differences(place)}
    assert found.pop(uid).places == ["panels[1].title"]
    assert states(list(found.values())) == {"same"}
    assert [done.uid for done in grafana.push(place) if done.state == "changed"] == [uid]
    assert server.api.dashboard.get_dashboard(uid)["dashboard"]["panels"][1]["title"] == title


def test_a_dashboard_moved_elsewhere_comes_back(server: Server, place: Names) -> None:
    grafana = server.ours()
    grafana.push(place)
    stored = server.api.dashboard.get_dashboard(uids(place)[0])["dashboard"]
    server.api.dashboard.update_dashboard({"dashboard": stored, "folderUid": "", "overwrite": True})
    assert [done.places for done in grafana.push(place) if done.state == "changed"] == [["folder"]]
    assert states(grafana.differences(place)) == {"same"}


def test_the_title_of_the_folder_follows(server: Server, place: Names) -> None:
    grafana = server.ours()
    grafana.push(place)
    other = place._replace(folder=f"{place.folder} & more")
    assert [done.uid for done in grafana.push(other) if done.state == "changed"] == [place.folder_uid]
    assert server.api.folder.get_folder(place.folder_uid)["title"] == other.folder


def test_only_what_has_our_prefix_is_asked_for(
    server: Server, place: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    import niquests

    asked: list[tuple[str, str, str]] = []
    request = niquests.Session.request

    def recorded(self: Any, method: str, url: str, *args: Any, **more: Any) -> Any:
        asked.append((method.upper(), url.partition("/api/")[2], str(more.get("json"))))
        return request(self, method, url, *args, **more)

    monkeypatch.setattr(niquests.Session, "request", recorded)
    server.ours().push(place)
    server.ours().push(place)

    ours = {place.folder_uid, *uids(place)}
    for method, path, body in asked:
        if method == "GET":
            assert path.rpartition("/")[2] in ours or path == "datasources/uid/spanledger", path
        else:
            assert method == "POST"
            assert path in ("folders", "dashboards/db")
            assert any(uid in body for uid in ours)
    assert len(asked) > 2 * len(uids(place))


def test_two_installations_do_not_see_each_other(server: Server, place: Names) -> None:
    other = names(f"{place.prefix[:4]}-x", datasource_uid="spanledger")
    try:
        server.ours().push(place)
        assert states(server.ours().differences(other)) == {"new"}
        server.ours().push(other)
        assert states(server.ours().push(place)) == {"same"}
    finally:
        server.api.folder.delete_folder(other.folder_uid)


def test_a_viewer_lacks_what_a_push_needs(server: Server, place: Names) -> None:
    with pytest.raises(ConfigError, match="lacks folders:create"):
        server.ours("Viewer").push(place)


def test_a_viewer_who_may_edit_the_folder_can_push(server: Server, place: Names) -> None:
    server.api.folder.create_folder(place.folder, place.folder_uid)
    account = server.accounts["Viewer with the folder"]
    path = f"/access-control/folders/{place.folder_uid}/users/{account}"
    server.api.client.POST(path, json={"permission": "Edit"})

    assert states(server.ours("Viewer with the folder").push(place)) == {"new", "same"}
    assert states(server.ours("Viewer with the folder").push(place)) == {"same"}


def test_a_token_that_grafana_does_not_know_is_named(server: Server, place: Names) -> None:
    from dashboards.push import Grafana

    stranger = server.stack.enter_context(Grafana(os.environ["GRAFANA_URL"], "glsa_nobody"))
    with pytest.raises(ConfigError, match="GRAFANA_TOKEN"):
        stranger.push(place)


def test_a_data_source_that_is_not_there_is_refused_before_anything_is_written(
    server: Server, place: Names
) -> None:
    with pytest.raises(ConfigError, match="no data source 'nowhere'"):
        server.ours().push(place._replace(datasource_uid="nowhere"))
    assert states(server.ours().differences(place)) == {"new"}


def test_provisioned_dashboards_are_left_to_their_files(server: Server) -> None:
    if states(server.ours().differences(names("notthere"))) != {"new"}:
        pytest.fail("the server has dashboards of an earlier test")
    if not _is_provisioned(server):
        pytest.skip(f"{NOT_HERE}: this Grafana was not started with dashboards/provisioning")
    with pytest.raises(ConfigError, match="provisioned from files"):
        server.ours().push(names())


def _is_provisioned(server: Server) -> bool:
    from grafana_client.client import GrafanaClientError

    try:
        return bool(server.api.dashboard.get_dashboard("spanledger-overview")["meta"]["provisioned"])
    except GrafanaClientError:
        return False
