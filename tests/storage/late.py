"""Requests on their way through decoder, door, prices and writer, and what the binder makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from processor.calls.admission import Admission, admit, admit_sighting
from processor.calls.call import Batch, ModelCall
from processor.calls.identity import Mode, identity_rules
from processor.calls.tenants import Tenants
from processor.pricing.charge import Charge
from receiver.otlp.decode import decode
from receiver.otlp.logs import decode_logs
from storage.ingest.writer import Writer
from storage.late.binder import Binder, Bound
from tests.receiver.spans import T0, Made, request
from tests.storage.ledger import add_up, assert_rollups_equal_rows, rows

MINUTE_NS = 60_000_000_000
RULES = Admission(identity_rules([b"k" * 16], user=Mode.PLAIN))
TAGS = ("endpoint_tag", "prompt_version", "tenant_id", "user_id")


def price(call: ModelCall) -> Charge:
    """A cost that every count is seen in."""
    if call.input_tokens is None and call.output_tokens is None:
        return Charge("no_usage")
    inputs, outputs, cached = call.input_tokens or 0, call.output_tokens or 0, call.cache_read_tokens or 0
    parts = 1_000 * (inputs - cached), 100 * cached, 0, 7_000 * outputs, 0
    return Charge("priced", sum(parts), *parts, 1)


class Late:
    """Two receivers and a binder before one database; time is what the test says."""

    def __init__(
        self,
        dsn: str,
        *,
        begin_ns: int = T0,
        late_limit_ns: int = RULES.late_limit_ns,
        caps: dict[int, int] | None = None,
    ) -> None:
        """Minutes are counted from `begin_ns`."""
        self.dsn, self._begin_ns, self._late_limit_ns = dsn, begin_ns, late_limit_ns
        self.writers = [Writer(dsn, caps=caps), Writer(dsn, caps=caps)]
        self.binder = Binder(dsn, price, caps=caps)
        self.tenants = Tenants()
        """What the door assigns; the binder reads the database's."""

    def send(self, *spans: Made, minute: float = 0, receiver: int = 0) -> None:
        """One request, received so many minutes after T0."""
        self.send_body(request(*spans).SerializeToString(), minute, receiver)

    def send_body(self, body: bytes, minute: float = 0, receiver: int = 0) -> None:
        self.send_bodies([body], minute, receiver)

    def send_bodies(self, bodies: Iterable[bytes], minute: float = 0, receiver: int = 0) -> None:
        """Requests that one receiver writes in one transaction."""
        batches = [self._admitted(body, minute) for body in bodies]
        self.writers[receiver].write([(batch, [price(call) for call in batch.calls]) for batch in batches])

    def send_logs(self, body: bytes, minute: float = 0, receiver: int = 0) -> None:
        """A request of log records."""
        batch = self._admitted(body, minute, decode_logs)
        self.writers[receiver].write([(batch, [price(call) for call in batch.calls])])

    def _admitted(self, body: bytes, minute: float, read: Callable[[bytes, int], Batch] = decode) -> Batch:
        batch = read(body, self._begin_ns + round(minute * MINUTE_NS))
        rules = replace(RULES, tenants=self.tenants, late_limit_ns=self._late_limit_ns)
        batch.calls = [call for call in batch.calls if admit(call, rules) is None]
        batch.sightings = [admit_sighting(sighting, rules) for sighting in batch.sightings]
        batch.readings = [admit_sighting(reading, rules) for reading in batch.readings]
        return batch

    def bind(self, minute: float = 1) -> Bound:
        bound = self.binder.bind(self._begin_ns + round(minute * MINUTE_NS))
        add_up(self.dsn)
        return bound

    def calls(self, *columns: str) -> list[tuple[Any, ...]]:
        """Columns of the counted calls, in order of their span ids."""
        query = f"SELECT {', '.join(columns)} FROM genai.model_call ORDER BY span_id"  # noqa: S608 - ours
        return rows(self.dsn, query)

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        return rows(self.dsn, query, *parameters)

    def tags(self) -> list[tuple[Any, ...]]:
        """Endpoint, prompt version, tenant and user of the counted calls."""
        return self.calls(*TAGS)

    def close(self) -> None:
        self.binder.close()
        for writer in self.writers:
            writer.close()


@contextmanager
def late_ledger(dsn: str, **options: Any) -> Iterator[Late]:
    """A ledger for late spans (options: `Late`); when the block ends, its books must balance."""
    late = Late(dsn, **options)
    try:
        yield late
        assert_the_books_balance(dsn)
    finally:
        late.close()


def assert_the_books_balance(dsn: str) -> None:
    """Rollup = rows, and rows = first bookings + the ledger's lines, by day and line."""
    assert_rollups_equal_rows(dsn)
    query = """
        SELECT day, line, sum(calls), sum(cost) FROM (
            SELECT m.time::date AS day, s.line_id AS line, 1 AS calls, coalesce(m.cost_pico_usd, 0) AS cost
            FROM _genai.model_call m JOIN _genai.series s ON s.id = m.series_id WHERE m.merged_into IS NULL
            UNION ALL
            SELECT m.time::date, s.line_id, CASE WHEN m.flags & 1073745920 = 0 THEN -1 ELSE 0 END,
                -coalesce(m.first_cost_pico_usd, 0)
            FROM _genai.model_call m JOIN _genai.series s ON s.id = coalesce(m.first_series_id, m.series_id)
            UNION ALL
            SELECT l.day, s.id, -l.calls, -l.cost_pico_usd
            FROM _genai.ledger_line l JOIN _genai.series s
                ON (s.environment, s.data_mode, s.provider, s.model, s.service_name, s.endpoint_tag,
                    s.prompt_version)
                    = (l.environment, l.data_mode, l.provider, l.model, '', '', '')
        ) AS f GROUP BY day, line HAVING sum(calls) <> 0 OR sum(cost) <> 0
    """
    assert rows(dsn, query) == []
