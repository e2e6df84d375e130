"""Keeps our dashboards in an existing Grafana up to date: shows what differs, and pushes it.

Only our own uids under the prefix are read or written, one by one; nothing is listed, searched or
deleted. grafana-client is imported here and nowhere else: it brings an HTTP stack of its own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, Self, TypeVar
from urllib.parse import urlsplit

from dashboards.files import Json, Names, committed, renamed
from processor.calls.errors import ConfigError

try:
    import niquests
    from grafana_client.api import GrafanaApi
    from grafana_client.client import GrafanaClientError, GrafanaException, TokenAuth
except ImportError as error:
    raise ConfigError(
        f"this needs the packages of the extra `grafana` ({error.name}): pip install '.[grafana]'"
    ) from None

TIMEOUT_SECONDS = 30.0
_STAMPED = ("id", "version", "iteration")
"""Written by Grafana into every dashboard that it stores."""

Answer = TypeVar("Answer")


class Difference(NamedTuple):
    """How one thing in Grafana differs from ours.

    Attributes:
        kind: `folder` or `dashboard`.
        state: `new`, `changed` or `same`.
        places: where it differs, as JSON paths; empty unless changed.
    """

    kind: str
    uid: str
    title: str
    state: str
    places: list[str]


class Grafana:
    """One Grafana, reached with a service account's token; leaving the block closes the connections."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError("GRAFANA_URL: expected http(s)://HOST[:PORT][/PATH]")
        path = parts.path.strip("/")
        self._place = f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
        token_auth: Any = TokenAuth  # neither has types
        self._api: Any = GrafanaApi(
            token_auth(token), protocol=parts.scheme, host=parts.hostname, port=parts.port,
            url_path_prefix=f"{path}/" if path else "", timeout=TIMEOUT_SECONDS,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._api.client.s.close()

    def differences(self, names: Names) -> list[Difference]:
        """The changes a push would make, the folder first; nothing is written.

        Raises:
            ConfigError: Grafana is away, refuses the token, or has our dashboards as provisioned files.
        """
        found = [_folder_difference(self._folder(names), names)]
        for dashboard in self._wanted(names).values():
            stored = self._ask(
                "dashboards:read", partial(self._api.dashboard.get_dashboard, dashboard["uid"])
            )
            found.append(_dashboard_difference(dashboard, stored, names))
        return found

    def push(self, names: Names) -> list[Difference]:
        """Write what differs and return what was done; a second push does nothing.

        Raises:
            ConfigError: as `differences`; or the data source is not there, or a permission is missing.
        """
        self._check_datasource(names.datasource_uid)
        found = self.differences(names)
        wanted = self._wanted(names)
        for difference in found:
            if difference.state == "same":
                continue
            if difference.kind == "folder":
                self._put_folder(names, difference.state == "new")
            else:
                self._put_dashboard(names, wanted[difference.uid])
        return found

    def _folder(self, names: Names) -> Mapping[str, Any] | None:
        """The folder as it is stored. Grafana forbids an Editor to look for one that is not there."""
        try:
            return self._ask("folders:read", partial(self._api.folder.get_folder, names.folder_uid))
        except MissingPermission:
            return None

    def _wanted(self, names: Names) -> dict[str, Json]:
        ours = (renamed(dashboard, names) for dashboard in committed().values())
        return {dashboard["uid"]: dashboard for dashboard in ours}

    def _put_folder(self, names: Names, is_new: bool) -> None:
        folders = self._api.folder
        if is_new:
            self._must("folders:create", lambda: folders.create_folder(names.folder, names.folder_uid))
        else:
            self._must(
                "folders:write",
                lambda: folders.update_folder(names.folder_uid, title=names.folder, overwrite=True),
            )

    def _put_dashboard(self, names: Names, dashboard: Json) -> None:
        payload = {
            "dashboard": {**dashboard, "id": None},
            "folderUid": names.folder_uid,
            "overwrite": True,
            "message": "spanledger grafana push",
        }
        self._must(
            "dashboards:create and dashboards:write on the folder",
            lambda: self._api.dashboard.update_dashboard(payload),
        )

    def _check_datasource(self, uid: str) -> None:
        """Refuse a data source that is not there; one that the token may not look at is taken on trust."""
        try:
            found = self._ask("datasources:read", lambda: self._api.datasource.get_datasource_by_uid(uid))
        except MissingPermission:
            return
        if found is None:
            raise ConfigError(
                f"Grafana has no data source {uid!r}: create one (`spanledger grafana export` writes its "
                "provisioning), or name yours with --datasource-uid"
            )

    def _must(self, permission: str, call: Callable[[], Answer]) -> Answer:
        answer = self._ask(permission, call)
        if answer is None:
            raise ConfigError(f"Grafana no longer finds what was just there, or hides it: {permission}")
        return answer

    def _ask(self, permission: str, call: Callable[[], Answer]) -> Answer | None:
        """The answer, None when there is no such thing; trouble in a line that says what to do."""
        try:
            return call()
        except GrafanaClientError as error:
            if error.status_code == 404:
                return None
            raise _refusal(error, permission) from None
        except (GrafanaException, niquests.exceptions.RequestException, ValueError) as error:
            text = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ConfigError(
                f"Grafana at {self._place} does not answer as it should: {text[:200]}"
            ) from None


class MissingPermission(ConfigError):
    """The service account may not do what was asked."""


def _refusal(error: GrafanaClientError, permission: str) -> ConfigError:
    if error.status_code == 401:
        return ConfigError("GRAFANA_TOKEN: rejected by Grafana; expected a service account's token")
    if error.status_code == 403:
        return MissingPermission(
            f"GRAFANA_TOKEN: the service account lacks {permission}; the role Editor has what a push needs"
        )
    return ConfigError(f"Grafana refuses: {str(error.message)[:300]}")


def from_environment() -> Grafana:
    """The Grafana of GRAFANA_URL with the token of GRAFANA_TOKEN.

    Raises:
        ConfigError: one of them is not set.
    """
    for name in ("GRAFANA_URL", "GRAFANA_TOKEN"):
        if not os.environ.get(name):
            raise ConfigError(f"{name} is not set: the address of Grafana, and a service account's token")
    return Grafana(os.environ["GRAFANA_URL"], os.environ["GRAFANA_TOKEN"])


def _folder_difference(stored: Mapping[str, Any] | None, names: Names) -> Difference:
    state = "new" if stored is None else "same" if stored["title"] == names.folder else "changed"
    return Difference(
        "folder", names.folder_uid, names.folder, state, ["title"] if state == "changed" else []
    )


def _dashboard_difference(wanted: Json, stored: Mapping[str, Any] | None, names: Names) -> Difference:
    if stored is None:
        return Difference("dashboard", wanted["uid"], wanted["title"], "new", [])
    meta = stored["meta"]
    if meta.get("provisioned"):
        raise ConfigError(
            f"{wanted['uid']} is provisioned from files in this Grafana, which would undo a push: use those "
            "files (`spanledger grafana export`), or another --prefix"
        )
    places = list(_places(_plain(wanted), _plain(stored["dashboard"]), ""))
    if meta.get("folderUid") != names.folder_uid:
        places.append("folder")
    return Difference("dashboard", wanted["uid"], wanted["title"], "changed" if places else "same", places)


def _plain(dashboard: Mapping[str, Any]) -> Json:
    """Without what Grafana stamps on it, and with numbers as JSON has them."""
    kept = {name: value for name, value in dashboard.items() if name not in _STAMPED}
    plain: Json = json.loads(json.dumps(kept))
    return plain


def _places(ours: Any, theirs: Any, path: str) -> list[str]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        names = sorted(ours.keys() | theirs.keys())
        return [
            place
            for name in names
            for place in (
                _places(ours[name], theirs[name], f"{path}.{name}")
                if name in ours and name in theirs
                else [f"{path}.{name}".lstrip(".")]
            )
        ]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [
            place
            for index, pair in enumerate(zip(ours, theirs, strict=True))
            for place in _places(*pair, f"{path}[{index}]")
        ]
    return [] if ours == theirs else [path.lstrip(".")]
