"""The way of one span: the files it passes are the stations that docs/architecture.md lists."""

from __future__ import annotations

import asyncio
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import grpc
import psycopg

from processor.pricing.load import load_price_book
from receiver.config import parse_address
from service import ports
from service.config import Config
from service.identity_keys import load_identity_rules
from service.ports import Listener
from service.price_records import register
from service.tally import Tally
from service.worker import Assignment, working
from service.worker_status import RecentTroubles
from tests.receiver.doors import ANY_PORT, EXPORT, request, span
from tests.running import ROOT

ROOMS = ("receiver", "service", "processor", "storage")
"""From the door down; the last station is on the way back."""
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


class Walk:
    """The files of ours whose functions run while it is on, in the order in which each is first entered."""

    def __init__(self) -> None:
        self.files: list[str] = []
        self.is_on = False

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        """A profile function for any thread."""
        if not self.is_on or event != "call":
            return
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in ROOMS:
            name = str(path.relative_to(ROOT))
            if name not in self.files:
                self.files.append(name)


@contextmanager
def watching() -> Iterator[Walk]:
    """Watch this thread, and every thread that starts inside."""
    walk = Walk()
    threading.setprofile(walk)
    sys.setprofile(walk)
    try:
        yield walk
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]  # ends it, whatever its signature says


@contextmanager
def assignment(dsn: str, data: Path) -> Iterator[Assignment]:
    """One worker on free ports with the default configuration."""
    config = Config(data_dir=data)
    with psycopg.connect(dsn, autocommit=True) as connection:
        price_map_id = register(connection, load_price_book())
    grpc_door, http_door = (Listener("receiver", "--receiver", parse_address(ANY_PORT)) for _ in range(2))
    with ports.reserve(grpc_door) as first, ports.reserve(http_door) as second:
        addresses = (ports.actual(held, grpc_door.address) for held in (first, second))
        yield Assignment(0, config, dsn, *addresses, False, price_map_id)


def body() -> bytes:
    """A new call of a known model, with the tags of an application."""
    now = time.time_ns()
    tags = {"endpoint_tag": "checkout", "prompt_version": "v7", "tenant.id": "acme", "user.id": "jane"}
    called = span(start_time_unix_nano=now - 10**9, end_time_unix_nano=now, attributes=tags)
    return request(called).SerializeToString()


async def passed(dsn: str, data: Path) -> list[str]:
    """The files that every one of three like requests passes, once the caches are warm."""
    walks = []
    load_identity_rules(Config(data_dir=data))  # makes the identity key, as the first start does
    with watching() as walk, assignment(dsn, data) as given:
        serving = working(given, load_price_book(), RecentTroubles(), Tally())
        async with serving, grpc.aio.insecure_channel(str(given.grpc)) as channel:
            for _ in range(5):
                await asyncio.sleep(0.3)  # what follows the last answer is no station of this request
                walk.files, walk.is_on = [], True
                await channel.unary_unary(EXPORT)(body(), timeout=30)
                walk.is_on = False
                walks.append(walk.files)
    return [file for file in walks[-1] if all(file in walked for walked in walks[-3:])]


def listed() -> tuple[list[str], list[str]]:
    """The stations of the page in their order, and what it says lies beside the way."""
    section = PAGE.partition("## One span, station by station")[2].partition("\n## ")[0]
    way, _, beside = section.partition("Beside the way")
    stations = re.findall(r"^\d+\. `([\w/]+\.py)`", way, re.MULTILINE)
    return stations, re.findall(r"`([\w/]+\.py)`", beside.partition("\n\n")[0])


async def test_a_span_passes_the_stations_that_the_page_lists(migrated_database: str, tmp_path: Path) -> None:
    stations, beside = listed()
    files = await passed(migrated_database, tmp_path)
    assert [file for file in files if file not in beside] == stations
    assert set(beside) <= set(files)


def test_the_way_goes_down_room_by_room_and_back_once() -> None:
    rooms = [station.partition("/")[0] for station in listed()[0]]
    assert rooms[0] == rooms[-1] == "receiver"
    assert rooms[:-1] == sorted(rooms[:-1], key=ROOMS.index)
