"""Clients that send until they are told OK, as the OTLP specification asks, and remember what they heard."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from types import TracebackType
from typing import Self

import grpc
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from tests.end_to_end.traffic import Identity, identity, make_spans

RETRYABLE = {
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DATA_LOSS,
}
"""Source: OTLP specification 1.x, "Failures", table of retryable gRPC codes."""

_RECONNECT_MS = 200
_PAUSE_SECONDS = 0.1
_TIMEOUT_SECONDS = 10.0


class RetryingSenders:
    """Several clients that send request after request until the block ends, each until it is acknowledged.

    Attributes:
        acknowledged: identities of the spans that were answered OK, in no order.
        answers: how often each status code was heard.
    """

    def __init__(self, address: str, *, clients: int = 4, spans_per_request: int = 100) -> None:
        self.acknowledged: list[Identity] = []
        self.answers: Counter[grpc.StatusCode] = Counter()
        self._address = address
        self._size = spans_per_request
        self._stop = threading.Event()
        self._gives_up = False
        self._changed = threading.Condition()
        self._failure: BaseException | None = None
        self._threads = [threading.Thread(target=self._run, args=(seed,)) for seed in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._gives_up = error is not None  # what failed may be what would have acknowledged
        for thread in self._threads:
            thread.join()
        if self._failure and not error:
            raise self._failure

    def wait_for_more(self, spans: int, timeout_seconds: float = 60.0) -> float:
        """Wait until so many more spans are acknowledged; returns the seconds that it took."""
        start, goal = time.monotonic(), len(self.acknowledged) + spans
        with self._changed:
            done = self._changed.wait_for(
                lambda: self._failure or len(self.acknowledged) >= goal, timeout_seconds
            )
        if self._failure:
            raise self._failure
        assert done, f"only {len(self.acknowledged)} of {goal} spans acknowledged; heard {dict(self.answers)}"
        return time.monotonic() - start

    def _run(self, seed: int) -> None:
        options = [
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.initial_reconnect_backoff_ms", _RECONNECT_MS),
            ("grpc.max_reconnect_backoff_ms", _RECONNECT_MS),
        ]
        try:
            with grpc.insecure_channel(self._address, options=options) as channel:
                stub = TraceServiceStub(channel)
                for number in itertools.count():
                    if self._stop.is_set():
                        return
                    self._deliver(stub, seed * 1_000_000 + number)
        except BaseException as error:
            self._failure = error
            with self._changed:
                self._changed.notify_all()

    def _deliver(self, stub: TraceServiceStub, seed: int) -> None:
        """Send one request until it is acknowledged. What must not be sent again fails the test."""
        spans = make_spans(self._size, seed)
        request = encode_spans(spans)
        while True:
            try:
                response = stub.Export(request, timeout=_TIMEOUT_SECONDS)
            except grpc.RpcError as error:
                self.answers[error.code()] += 1
                if error.code() not in RETRYABLE or self._gives_up:
                    raise
                time.sleep(_PAUSE_SECONDS)
                continue
            assert response.partial_success.rejected_spans == 0, response.partial_success.error_message
            self.answers[grpc.StatusCode.OK] += 1
            with self._changed:
                self.acknowledged.extend(map(identity, spans))
                self._changed.notify_all()
            return
