"""The addresses we listen on: taken before anything starts, shared by all workers."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable
from typing import NamedTuple

from processor.calls.errors import ConfigError
from receiver.config import Address


class Listener(NamedTuple):
    """One listening address.

    Attributes:
        setting: its path in the configuration, `receiver.grpc`.
        flag: the flag of `serve` that sets it.
    """

    setting: str
    flag: str
    address: Address


def reserve(listener: Listener) -> socket.socket:
    """Take the port for this process and its workers, without listening yet.

    A first, exclusive bind finds another program on the port: with SO_REUSEPORT alone two services of one
    user would silently share it. The second is held, so that the port stays ours while workers come and go;
    a bound socket that does not listen gets no connections.

    Raises:
        ConfigError: the port is in use or the host is not ours; names the flag.
    """
    try:
        family, target = _resolve(listener.address)
        with _bound(family, target, socket.SO_REUSEADDR):
            pass
        return _bound(family, target, socket.SO_REUSEPORT)
    except OSError as error:
        raise ConfigError(_explain(listener, error)) from error


def shared_socket(address: Address) -> socket.socket:
    """A further socket on an address that `reserve` took; the kernel spreads connections over them."""
    family, target = _resolve(address)
    return _bound(family, target, socket.SO_REUSEPORT)


def actual(held: socket.socket, address: Address) -> Address:
    """The address with its real port, for a configured port 0."""
    return address._replace(port=held.getsockname()[1])


def _resolve(address: Address) -> tuple[int, tuple[object, ...]]:
    found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, target = found[0]
    return family, target


def _bound(family: int, target: tuple[object, ...], option: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, option, 1)
        made.bind(target)
    except BaseException:
        made.close()
        raise
    return made


def _explain(listener: Listener, error: OSError) -> str:
    where = f"{listener.address} ({listener.setting})"
    if error.errno == errno.EADDRINUSE:
        return f"{where} is in use by another program: stop it, or choose another port with {listener.flag}"
    if error.errno == errno.EACCES:
        return f"{where} needs privileges: choose a port above 1023 with {listener.flag}"
    return f"{where} cannot be listened on: {error.strerror or error}; set it with {listener.flag}"


def refuse_open_doors(listeners: Iterable[Listener], has_keys: bool) -> None:
    """Without keys only this machine may reach us.

    Raises:
        ConfigError: a listener is reachable from elsewhere and no API key exists.
    """
    for listener in () if has_keys else listeners:
        if not listener.address.is_loopback:
            raise ConfigError(
                f"{listener.setting} {listener.address} can be reached from other machines, and no API key "
                f"exists: anyone could write to the ledger. Make one with `spanledger keys create NAME`, or "
                f"listen on 127.0.0.1 with {listener.flag}"
            )
