"""Who asks for a page: nobody in particular, the holder of a key, or the user that a proxy names."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import psycopg
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from operations.inbox.lifecycle import note
from operations.web.queries import query
from receiver.auth import Forbidden, Unauthenticated, basic_as_bearer
from service.config import SignInConfig
from service.keys import Holder, KeyRing

SESSION, FORM = "spanledger_session", "spanledger_form"
"""Cookies: who is signed in, and what a form of ours must send back."""
_REMEMBERED = 1000
"""Sessions kept for the time that the database is away."""
_LOCAL = ("localhost", "127.0.0.1", "::1")
Connect = Callable[[], AbstractContextManager[psycopg.Connection[Any]]]


class Person(NamedTuple):
    """Who asks.

    Attributes:
        may_operate: may change alerts and incidents.
        form_token: what a form must send with a change; empty for a program, which sends its key itself.
        form_cookie: a cookie that the answer must set for that; empty where there is one.
        is_signed_in: by the sign-in page, so that signing out makes sense.
    """

    name: str
    may_operate: bool
    form_token: str = ""
    form_cookie: str = ""
    is_signed_in: bool = False


class SignIn:
    """Recognises people by the configured mode. A request with a valid key is always recognised by it."""

    def __init__(self, settings: SignInConfig, keys: KeyRing, connect: Connect, public_url: str = "") -> None:
        self._settings, self._keys, self._connect = settings, keys, connect
        self._known: dict[bytes, Holder] = {}
        self._is_secure = public_url.startswith("https://")
        self._hosts = {*_LOCAL, urlsplit(public_url).hostname or "localhost"}
        self._proxies = [ipaddress.ip_network(each) for each in settings.proxies]

    async def person(self, request: Request) -> Person:
        """Who asks for a page.

        Raises:
            Unauthenticated: nobody that we know.
            Forbidden: somebody who may not read.
        """
        headers = dict(request.headers)
        has_key = "authorization" in headers or "x-api-key" in headers
        if has_key and (holder := await self._keys.holder(basic_as_bearer(headers), "read")):
            # A browser sends a password with every request, whoever made it: forms must prove themselves.
            is_program = not headers.get("authorization", "").lower().startswith("basic")
            return _Forms(request).person(holder.name, holder.may("operate"), is_program)
        mode = self._settings.mode
        if mode == "none":
            return self._anybody(request)
        return self._from_proxy(request) if mode == "proxy" else await self._holder_of_key(request)

    async def _holder_of_key(self, request: Request) -> Person:
        if not self._keys.is_required:
            return self._anybody(request)
        token = request.cookies.get(SESSION, "")
        if token and (holder := await run_in_threadpool(self._session, token)):
            if not holder.may("read"):
                raise Forbidden("this key may not do that: it lacks the scope read", f"key {holder.id}")
            return Person(holder.name, holder.may("operate"), _form_token(token), is_signed_in=True)
        raise Unauthenticated()

    def _anybody(self, request: Request) -> Person:
        """Whoever reaches this machine; by a name that is not ours it may be a stranger's page."""
        is_local = (request.url.hostname or "") in self._hosts
        if not is_local and self._settings.mode == "none":
            raise Forbidden("without sign-in, pages answer to localhost and to public_url only")
        return _Forms(request).person("local", is_local)

    def _from_proxy(self, request: Request) -> Person:
        name = request.headers.get(self._settings.user_header, "").strip()
        if not self._is_proxy(request) or not name:
            raise Forbidden("pages are reached through the proxy that signs you in")
        operators = self._settings.operators
        return _Forms(request).person(name[:200], not operators or name in operators)

    def _is_proxy(self, request: Request) -> bool:
        return self._is_listed(request.client.host if request.client else "")

    def _is_listed(self, text: str) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        return any(address in network for network in self._proxies)

    def address_of(self, request: Request) -> str:
        """Who asks: behind a listed proxy, the last address in `X-Forwarded-For` that is no listed proxy.

        What stands before that anybody may have written.
        """
        address = request.client.host if request.client else ""
        forwarded = [each.strip() for each in ",".join(request.headers.getlist("x-forwarded-for")).split(",")]
        while forwarded and self._is_listed(address):
            told = forwarded.pop()
            if not _is_address(told):
                break
            address = told
        return address

    def _session(self, token: str) -> Holder | None:
        """Whose session it is; while the database is away, as it was last known."""
        digest = _digest(token)
        try:
            with self._connect() as connection:
                row = connection.execute(query("session"), {"token": digest}).fetchone()
        except psycopg.OperationalError:
            return self._known.get(digest)
        if row is None:
            self._known.pop(digest, None)
            return None
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[digest] = Holder(row[0], row[1], frozenset(row[2]))
        return self._known[digest]

    async def start(self, key: str, response: Response) -> Person:
        """Sign in with a key: the answer sets the session's cookie.

        Raises:
            Unauthenticated: an unknown or revoked key.
            Forbidden: a key without the scope `read`.
        """
        holder = await self._keys.holder({"x-api-key": key}, "read")
        if holder is None:
            return Person("local", True)
        token = secrets.token_urlsafe(32)
        await run_in_threadpool(self._store, token, holder)
        seconds = int(self._settings.session.total_seconds())
        response.set_cookie(
            SESSION, token, max_age=seconds, httponly=True, samesite="lax", secure=self._is_secure
        )
        return Person(holder.name, holder.may("operate"))

    def _store(self, token: str, holder: Holder) -> None:
        values = {"token": _digest(token), "key_id": holder.id, "length": self._settings.session}
        with self._connect() as connection, connection.transaction():
            connection.execute(query("end_old_sessions"))
            connection.execute(query("start_session"), values)
            note(connection, holder.name, "session", None, "sign in", {}, {"key": holder.id})

    async def end(self, request: Request, response: Response) -> None:
        """Sign out: the session is gone, also for who has copied its cookie."""
        token = request.cookies.get(SESSION, "")
        response.delete_cookie(SESSION, httponly=True, samesite="lax", secure=self._is_secure)
        if token:
            await run_in_threadpool(self._forget, token)

    def _forget(self, token: str) -> None:
        self._known.pop(_digest(token), None)
        with self._connect() as connection, connection.transaction():
            ended = connection.execute(query("end_session"), {"token": _digest(token)}).fetchone()
            if ended is not None:
                note(connection, ended[1], "session", None, "sign out", {"key": ended[0]}, {})

    def set_form_cookie(self, person: Person, response: Response) -> None:
        """Give the browser what its forms are checked by, where it has none yet."""
        if person.form_cookie:
            response.set_cookie(
                FORM, person.form_cookie, httponly=True, samesite="lax", secure=self._is_secure
            )


class _Forms:
    """What proves that a form is ours, where no session does."""

    def __init__(self, request: Request) -> None:
        self._known = request.cookies.get(FORM, "")

    def person(self, name: str, may_operate: bool, is_program: bool = False) -> Person:
        if is_program:
            return Person(name, may_operate)
        cookie = self._known or secrets.token_urlsafe(32)
        return Person(name, may_operate, _form_token(cookie), "" if self._known else cookie)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_ours(person: Person, headers: Mapping[str, str], form: Mapping[str, str]) -> bool:
    """Whether a change comes from a page of ours, and not from one that the person happens to visit.

    Source:
        https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
    """
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    return hmac.compare_digest(person.form_token.encode(), form.get("form_token", "").encode())


def local_address(text: str) -> str:
    """Where to go after signing in: a page of ours, else the first page; relative to the root."""
    parts = urlsplit(text)
    is_ours = not parts.scheme and not parts.netloc and not text.startswith(("/", "\\", ".", "//"))
    return text if is_ours and text.isprintable() and "\\" not in text and len(text) < 4096 else "./"


def sign_in_address(request: Request) -> str:
    """The sign-in page, relative to the page that was asked for, which it returns to."""
    path = request.url.path.lstrip("/")
    asked = f"{path}?{request.url.query}" if request.url.query else path
    return f"{'../' * path.count('/')}sign-in?next={quote(asked, safe='')}"


def _form_token(secret: str) -> str:
    return hmac.new(secret.encode(), b"a form of Spanledger", hashlib.sha256).hexdigest()


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
