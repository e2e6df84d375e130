"""Customers: they ask the shop's services over HTTP, in a burst or at the plan's own rate."""

from __future__ import annotations

import http.client
import json
import random
import threading
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from demo.plan import draw_tenant, draw_user
from demo.provider import CHARS_PER_TOKEN
from demo.shop import FEATURES, Feature, Tenant

TIMEOUT_SECONDS = 30.0
ARTICLE = "Parcels leave the warehouse on the day of the order if it comes before two in the afternoon. "
QUESTION = "Where is my order, and when will it be here?"


def requests_per_second(now: datetime) -> float:
    """How often customers ask at that moment, all features together: as often as in the planned history."""
    return sum(feature.rate_at(now.hour) for feature in FEATURES) / 3600


class Customers:
    """Asks the services as the plan does now: the same features, tenants, users and sizes.

    Args:
        ports: of each service on this machine, by name.
    """

    def __init__(self, ports: Mapping[str, int], seed: int = 1) -> None:
        self._ports = ports
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def burst(self, count: int, at_once: int = 6) -> list[int]:
        """Ask `count` questions, every feature in turn; returns the HTTP status of each answer."""
        features = [FEATURES[number % len(FEATURES)] for number in range(count)]
        with ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(self.ask, features))

    def flow(self, until: threading.Event) -> None:
        """Ask at the plan's rate until told to stop; a service that went away is no reason to stop."""
        while not until.wait(self._random.expovariate(requests_per_second(datetime.now(UTC)))):
            try:
                self.ask(self._random.choices(FEATURES, [feature.per_day for feature in FEATURES])[0])
            except OSError:
                continue

    def ask(self, feature: Feature) -> int:
        """One question to one feature; returns the HTTP status."""
        with self._lock:
            tenant = draw_tenant(self._random)
            user = draw_user(self._random, tenant)
        question = {
            "question": self._question(feature, tenant),
            "tenant": tenant.name,
            "user": user,
            "request_id": f"req_{uuid.uuid4().hex}",
        }
        connection = http.client.HTTPConnection(
            "127.0.0.1", self._ports[feature.service], timeout=TIMEOUT_SECONDS
        )
        try:
            connection.request(
                "POST", feature.route, json.dumps(question), {"content-type": "application/json"}
            )
            response = connection.getresponse()
            response.read()
            return response.status
        finally:
            connection.close()

    def _question(self, feature: Feature, tenant: Tenant) -> str:
        """A question with as much context as the feature usually has; no two are the same."""
        length = int(feature.input_tokens * tenant.context_at(0) * CHARS_PER_TOKEN)
        with self._lock:
            order = self._random.getrandbits(48)
        return (f"Order {order}. {QUESTION} " + ARTICLE * (length // len(ARTICLE)))[: max(length, 24)]
