"""The ports: taken once, told by flag when they cannot be, closed to strangers without keys."""

from __future__ import annotations

import socket

import pytest

from processor.calls.errors import ConfigError
from receiver.config import Address, parse_address
from service.ports import Listener, actual, refuse_open_doors, reserve, shared_socket


def listener(address: str) -> Listener:
    return Listener("receiver.grpc", "--grpc", parse_address(address))


def test_a_reserved_port_is_shared_with_workers_and_nobody_else() -> None:
    with reserve(listener("127.0.0.1:0")) as held:
        address = actual(held, parse_address("127.0.0.1:0"))

        with shared_socket(address) as first, shared_socket(address) as second:
            assert first.getsockname() == second.getsockname() == held.getsockname()
            with pytest.raises(ConfigError, match=f"{address}.*in use by another program.*--grpc"):
                reserve(Listener("receiver.grpc", "--grpc", address))


def test_a_port_that_another_program_shares_is_still_in_use() -> None:
    """SO_REUSEPORT alone would let two services of one user divide the connections between them."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()

        with pytest.raises(ConfigError, match="in use"):
            reserve(listener(f"127.0.0.1:{other.getsockname()[1]}"))


def test_connections_go_to_who_listens_not_to_who_reserves() -> None:
    with reserve(listener("127.0.0.1:0")) as held:
        address = actual(held, Address("127.0.0.1", 0))
        with shared_socket(address) as worker:
            worker.listen()
            for _ in range(20):
                socket.create_connection(address, timeout=5).close()
                worker.accept()[0].close()


def test_a_host_that_is_not_ours_is_told_with_its_flag() -> None:
    with pytest.raises(
        ConfigError, match=r"192\.0\.2\.1:4317 \(receiver\.grpc\) cannot be listened on.*--grpc"
    ):
        reserve(listener("192.0.2.1:4317"))


@pytest.mark.parametrize(
    "address", ["0.0.0.0:4317", "10.1.2.3:4317", "[::]:4317", "spanledger.internal:4317"]
)
def test_without_keys_an_address_that_others_reach_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match=r"no API key exists.*spanledger keys create.*--grpc"):
        refuse_open_doors([listener(address)], has_keys=False)

    refuse_open_doors([listener(address)], has_keys=True)


@pytest.mark.parametrize("address", ["127.0.0.1:4317", "127.9.9.9:1", "[::1]:4317", "localhost:4317"])
def test_without_keys_loopback_is_enough(address: str) -> None:
    refuse_open_doors([listener(address)], has_keys=False)
