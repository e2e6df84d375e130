"""Customers: they ask the shop's services over HTTP, in a burst or as a steady trickle."""

from __future__ import annotations

import http.client
import json
import random
import threading
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from demo.provider import CHARS_PER_TOKEN
from demo.shop import FEATURES, TENANTS, Feature, Tenant

TIMEOUT_SECONDS = 30.0
ARTICLE = "Parcels leave the warehouse on the day of the order if it comes before two in the afternoon. "
QUESTION = "Where is my order, and when will it be here?"


class Customers:
    """Asks the services, by default as the plan's day does: the same features, tenants and users.

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

    def trickle(self, per_second: float, until: threading.Event) -> None:
        """Ask again and again until told to stop; a service that went away is no reason to stop."""
        weights = [feature.per_day for feature in FEATURES]
        while not until.wait(self._random.expovariate(per_second)):
            try:
                self.ask(self._random.choices(FEATURES, weights)[0])
            except OSError:
                continue

    def ask(self, feature: Feature) -> int:
        """One question to one feature; returns the HTTP status."""
        with self._lock:
            tenant = self._random.choices(TENANTS, [tenant.requests for tenant in TENANTS])[0]
            user = f"{tenant.name}-u{self._random.randrange(tenant.users):03d}"
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
        length = int(feature.input_tokens * tenant.context * CHARS_PER_TOKEN)
        with self._lock:
            order = self._random.getrandbits(48)
        return (f"Order {order}. {QUESTION} " + ARTICLE * (length // len(ARTICLE)))[: max(length, 24)]
