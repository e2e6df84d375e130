"""Admitting and pricing one call, and starting with the price list: hot paths and the cold one."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from processor.calls.admission import Admission, admit
from processor.calls.call import PROVIDER, ModelCall
from processor.calls.identity import Mode, Protector, identity_rules
from processor.pricing.charge import price_call
from processor.pricing.load import load_price_book
from tests.benchmarks.figure import Figure, cpu_us_per_item
from tests.benchmarks.load import MODELS

_CALLS = 2_000
_COLD_START = """
import time
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
before = peak()
begun = time.process_time()
from processor.pricing.load import load_price_book
book = load_price_book()
for provider, model in (("openai", "gpt-4o-mini"), ("anthropic", "claude-sonnet-4-5"), ("aws.bedrock", "x")):
    book.lookup(provider, model, None, time.time_ns())
print(time.process_time() - begun, (peak() - before) / 1024)
"""


def measure() -> Iterator[Figure]:
    """Admission, pricing, identities and the cold start."""
    rules, book = Admission(identity_rules([b"a deployment key of the bench"])), load_price_book()
    calls = _calls()
    users = [call.user_id or "" for call in calls]
    # Admitting an admitted call does the same work again; copies would cost more than what is measured.
    admitted = cpu_us_per_item(lambda: _each(admit, calls, rules), _CALLS)
    yield Figure(
        "admit a call", admitted, "µs", 2.5, note="texts, counts, time, user and tenant; known labels"
    )
    priced = cpu_us_per_item(lambda: _each(price_call, calls, book), _CALLS)
    yield Figure(
        "price", priced, "µs", 2.0, note="six priced models and an unknown one, one call in three cached"
    )
    yield Figure("protect a known identity", _protect(users), "µs", 0.5)
    yield from _cold_start()


def _each(action: Callable[[ModelCall, object], object], calls: list[ModelCall], with_what: object) -> None:
    for call in calls:
        action(call, with_what)


def _protect(users: list[str]) -> float:
    protect = identity_rules([b"a deployment key of the bench"]).user
    assert protect.mode is Mode.HASH
    return cpu_us_per_item(lambda: _each_user(protect, users), _CALLS)


def _each_user(protect: Protector, users: list[str]) -> None:
    for user in users:
        protect(user)


def _cold_start() -> Iterator[Figure]:
    run = subprocess.run([sys.executable, "-c", _COLD_START], capture_output=True, text=True, check=True)
    seconds, megabytes = map(float, run.stdout.split())
    yield Figure(
        "open the price list", seconds * 1000, "ms", 1000.0, note="import, read, three look-ups; CPU time"
    )
    yield Figure("memory of the price list", megabytes, "MB", 60.0, note="peak above an empty interpreter")


def _calls() -> list[ModelCall]:
    draw, now = random.Random(7), time.time_ns()
    return [_call(draw, now) for _ in range(_CALLS)]


def _call(draw: random.Random, now: int) -> ModelCall:
    provider, request_model, model = draw.choice(MODELS)
    tokens_in = draw.randrange(100, 8000)
    return ModelCall(
        trace_id=draw.randbytes(16),
        span_id=draw.randbytes(8),
        time_ns=now - draw.randrange(10**10),
        received_ns=now,
        provider=provider,
        model=model,
        request_model=request_model,
        endpoint_tag=f"checkout.step_{draw.randrange(40)}",
        prompt_version=f"v{draw.randrange(12)}",
        user_id=f"user-{draw.randrange(5000)}",
        tenant_id=f"tenant-{draw.randrange(50)}",
        service_name="shop",
        input_tokens=tokens_in,
        output_tokens=draw.randrange(10, 900),
        cache_read_tokens=tokens_in // 2 if draw.randrange(3) == 0 else None,
        usage_source=PROVIDER,
        latency_us=draw.randrange(10**7),
        response_id=f"chatcmpl-{draw.randbytes(12).hex()}",
    )
