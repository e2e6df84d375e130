"""The telemetry schema in its in-process form: one model call, and what a request held beside it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, fields
from enum import IntEnum
from operator import attrgetter
from typing import NamedTuple

UNKNOWN = "unknown"
"""Value of a missing dimension in rollups and views."""

UNREAD = "unread"
"""The verdict on usage that no rule reads."""

SUCCESS, ERROR, CANCELLED = "success", "error", "cancelled"
REAL, TEST, DEMO = "real", "test", "demo"
PROVIDER, ESTIMATED, MISSING = "provider", "estimated", "missing"


class Flag(IntEnum):
    """Peculiarities of a call. The names, in lower case, are the values of the view's `flags`."""

    CLOCK_MOVED = 1
    """The claimed start was impossible; `time` is the receipt (LEDGER §8)."""
    RESPONSE_REPEATED = 2
    """The provider's response id was seen before without overlap: a gateway cache (LEDGER §1)."""
    USAGE_NORMALISED = 4
    """A total of the span left out a part (cached tokens, reasoning, ...) or was missing; it was added."""
    USAGE_INVALID = 8
    """A count was negative, fractional, absurd, or broke part <= total; it became NULL."""
    USAGE_LOSSY = 16
    """The payload is known to have lost part of the provider's usage; nothing was guessed."""
    ESTIMATE_UNMARKED = 32
    """The instrumentation is known to write its own token estimate into the usage keys."""
    SEVERAL_CALLS = 64
    """One span stands for several provider calls: their sum, or with `USAGE_LOSSY` the usage of the last."""
    RAW_IDENTITY = 128
    """A user or tenant value looked like a person and was hashed (DESIGN §9)."""
    TEXT_CUT = 256
    """A tag, model or id was longer than 200 bytes and was cut (LEDGER §15)."""
    TEXT_CLEANED = 512
    """NUL or invalid characters were replaced (LEDGER §15)."""
    CACHE_PRICE_ASSUMED = 1024
    """The price list has no price for cached tokens; the input price was used."""
    LATENCY_UNKNOWN = 2048
    """The span's end is before its start, or it has no length of its own."""
    PROMOTED = 4096
    """A wrapper whose emitter sent no inner call: counted after the fact (LEDGER §23)."""
    COST_UNCERTAIN = 8192
    """The call has a cost, and another flag says why it may be wrong: totals say "at least" (LEDGER §14)."""
    USAGE_AMBIGUOUS = 16384
    """Cached tokens stand beside an input count that may or may not include them, or reasoning beside such an
    output count: of two readings the likelier was taken (`receiver.dialects.balance`)."""
    RATE_MISSING = 32768
    """A class of tokens, a tier, a region or a context step has no rate of its own; the nearest was used."""
    DATA_MODE_UNKNOWN = 65536
    """The data mode that was sent is no known word; the call counts as real."""
    FROM_LOG = 131072
    """Read from a log record; without a parent its trace and span ids are made of what identifies it."""
    MODALITY_UNKNOWN = 262144
    """The price depends on which tokens are images or audio, and the span does not say."""
    REGION_PRICED = 524288
    """It was served in a region, or by an endpoint, that has prices of its own; the list's were used."""
    TIER_ASSUMED = 1048576
    """Only the request names the service tier: it is priced as if that tier had served it."""
    FEES_MISSING = 2097152
    """It did work with a price of its own (web searches, an advisor), which the cost leaves out."""
    BILL_DIFFERS = 4194304
    """The gateway that sends the bill says another cost on its span (`reported_cost_pico_usd`)."""


class Source(NamedTuple):
    """Where a field's value came from.

    Attributes:
        field: name of the `ModelCall` field.
        attribute: the attribute key as sent (`→` before a path inside a JSON value), or a word in
            angle brackets for what is not an attribute (`<span name>`, `<span times>`, `<default>`).
        rank: 0 explicit application key, 10 dialect key, 20 + distance an ancestor's (up to 39), 40-49 a
            workflow's name (the outermost is best), 50 the resource's, 60-79 a fallback (the nearest
            label, the root's label, the nearest route, the root's name). Usage: 10 provider, 30 repaired,
            50 ambiguous, 70 estimated, 80 missing. Lower is better; a duplicate's field of better rank
            replaces it (LEDGER §6).
    """

    field: str
    attribute: str
    rank: int


@dataclass(slots=True, eq=False)
class ModelCall:
    """One billed call of a language model: the telemetry schema (DESIGN §3) before it is priced.

    Missing is None; zero means measured zero. Token totals include their parts: input includes cache
    reads and writes, output includes reasoning; `cache_write_tokens` includes `cache_write_1h_tokens`.
    Times are nanoseconds since 1970 UTC, durations whole microseconds, money whole pico-USD.
    """

    trace_id: bytes = b""
    """16 bytes; empty for a direct report."""
    span_id: bytes = b""
    """8 bytes; empty for a direct report."""
    parent_span_id: bytes = b""
    time_ns: int = 0
    """Start of the call: as claimed, or our receipt where the claim is impossible or missing (LEDGER §8)."""
    claimed_time_ns: int = 0
    """The start that the sender claimed, as keys need it (LEDGER §3); set by admission, 0 when none."""
    received_ns: int = 0
    """Stamp of our receiver (wall clock)."""
    latency_us: int | None = None
    time_to_first_token_us: int | None = None

    provider: str = UNKNOWN
    model: str = UNKNOWN
    """The model that answered, else the requested one."""
    request_model: str | None = None
    operation: str = "chat"

    endpoint_tag: str | None = None
    prompt_version: str | None = None
    user_id: str | None = None
    tenant_id: str | None = None
    environment: str = "prod"
    data_mode: str = REAL
    service_name: str | None = None

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    reasoning_tokens: int | None = None
    input_audio_tokens: int | None = None
    output_audio_tokens: int | None = None
    input_image_tokens: int | None = None
    output_image_tokens: int | None = None
    input_cached_audio_tokens: int | None = None
    """Audio that was read from a cache: a part of `cache_read_tokens` and of `input_audio_tokens`."""
    input_cached_image_tokens: int | None = None
    usage_source: str = MISSING

    status: str = SUCCESS
    error_type: str | None = None
    http_status: int | None = None
    streaming: bool | None = None
    service_tier: str | None = None
    """As the provider names it: `default`, `priority`, `flex`, `batch`, ..."""
    reported_cost_pico_usd: int | None = None
    """The cost that the span itself reports; beside ours, never instead of it."""

    external_request_id: str | None = None
    """The application's id of the logical request, or a label (see `request_id_given`)."""
    request_id_given: bool = False
    """True when the application gave `external_request_id`: only then it groups attempts (LEDGER §5)."""
    response_id: str | None = None
    conversation_id: str | None = None
    attempt: int | None = None
    report_key: bytes = b""
    """Direct reports only: the 16-byte identity of LEDGER §4; empty for a span."""

    dialect: str = ""
    """Name of the dialect module that read it (`otel_genai`, `openinference`, ..., `report`)."""
    sources: tuple[Source, ...] = ()
    """One entry per field that was read; shared between calls of the same shape, never mutated."""
    flags: int = 0
    """Bits of `Flag`."""
    sent_data_mode: str = ""
    """The data mode as sent, where it is no known word: for the operator, not stored."""
    span_response_ids: tuple[str, ...] | None = None
    """If several spans report it: the response ids they have themselves; one may come again alone."""
    other_spans: tuple[tuple[bytes, bytes, int], ...] = ()
    """If several spans report it: trace id, span id and claimed start (ns) of those that are not counted."""

    def __copy__(self) -> ModelCall:
        """What `copy.copy` answers, in a third of its time."""
        return ModelCall(*_every_field(self))


_every_field = attrgetter(*(each.name for each in fields(ModelCall)))


class Unread(NamedTuple):
    """Usage that no rule reads: a span or log record with token counts, or with a model and a provider.

    Nothing of it is counted, and the totals of its service and window say "at least".

    Attributes:
        identity: what distinguishes it from all others: trace and span id; a record's equivalent.
        time_ns: its claimed start.
        scope: the emitter's instrumentation scope; `version` beside it.
        keys: names of the attributes that speak of a call, sorted, at most 16; never values.
    """

    identity: bytes
    time_ns: int
    scope: str
    version: str
    keys: tuple[str, ...]
    service_name: str = UNKNOWN
    environment: str = "prod"
    data_mode: str = REAL


class UncountedSpan(NamedTuple):
    """A span of GenAI interest that is not counted: an agent, a wrapper, a duplicate, an ancestor with tags.

    Attributes:
        reason: why it does not count, in words a developer understands.
        tags: `ModelCall` field name → value, for what a call below it may still need (never content). Beside
            fields the names that stand in for an endpoint: `workflow`, `endpoint_label`, `root_label`,
            `http_route`, `root_name`.
        wrapper: True when the span stands for a call whose emitter may have sent no inner span.
        call: the call it would be if it were promoted, or the duplicate's own reading; None for context only.
        attributes: name in `tags` → the attribute that it was read from.
        unread: what it carries that no rule reads, if it does.
        part: its part in a call reported by several spans: `OWN`, `DUPLICATE`, `ELSEWHERE`, `DETAIL`, `HALF`.
        of: (trace id, span id) of the counted span that it is one call with.
        served_ns: the start that a wrapper claims for which a call below it in its request counts; else 0.
    """

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    name: str
    reason: str
    tags: tuple[tuple[str, str], ...] = ()
    wrapper: bool = False
    call: ModelCall | None = None
    attributes: tuple[tuple[str, str], ...] = ()
    unread: Unread | None = None
    part: str = ""
    of: tuple[bytes, bytes] | None = None
    served_ns: int = 0


OWN, DUPLICATE, ELSEWHERE, DETAIL, HALF = "own", "duplicate", "elsewhere", "detail", "half"
"""Parts of a call reported by several spans: what the counted span itself said; a span that is the same call;
one of another trace that was found to be the same call without a common id; a span below a call that gives it
the provider's answer; one of two unlinked spans that waits for the other."""


class Rejection(NamedTuple):
    """A span or report that was refused for good; it lands in quarantine.

    Attributes:
        reason: a stable word for metrics (`bad_span_id`, `too_late`, `bad_field`, ...).
        detail: the field and what was expected, in English; never content.
        report_key: `ModelCall.report_key` of a refused direct report, so that the answer can say which; empty
            for a span.
    """

    trace_id: bytes
    span_id: bytes
    name: str
    reason: str
    detail: str
    report_key: bytes = b""


@dataclass(slots=True)
class Batch:
    """One decoded request. `spans` counts all of its spans, whether counted or not."""

    calls: list[ModelCall] = field(default_factory=list)
    sightings: list[UncountedSpan] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    spans: int = 0
    size_bytes: int = 0
    """Bytes that this batch holds in memory, as a bound for the queue."""
    received_ns: int = 0
    """Stamp of our receiver; 0 where the calls carry it."""
    readings: list[UncountedSpan] = field(default_factory=list)
    """The counted spans' own readings, where other spans contributed to the call."""
    origins: Sequence[tuple[str, tuple[str, ...]]] = ()
    """Service name and the names of its scopes, for a request of which nothing was read; a few of them."""


class Outcome(NamedTuple):
    """The outcome of a batch, after the commit.

    Attributes:
        rejections: those found at the door and those the ledger refused; their number is `rejected_spans`.
        new: the accepted calls themselves.
    """

    accepted: int
    duplicates: int
    rejections: Sequence[Rejection]
    new: Sequence[ModelCall] = ()


Consume = Callable[[Batch], Awaitable[Outcome]]
"""The receiver's whole knowledge of what comes after it. Returns after the commit; raises `PipelineError`."""
