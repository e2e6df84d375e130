"""The vocabulary of the tables: which attribute of which dialect feeds which field, and in what order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from receiver.dialects.balance import OPEN

EXPLICIT, DIALECT, ANCESTOR, RESOURCE, FALLBACK = 0, 10, 20, 50, 60
"""Ranks of `processor.calls.call.Source` (LEDGER §6): lower is better. An ancestor's is 20 + its distance."""

USAGE_SENT, USAGE_REPAIRED, USAGE_AMBIGUOUS, USAGE_ESTIMATED = 10, 30, 50, 70
"""Ranks of usage fields: the provider's, repaired by arithmetic, of two possible readings the likelier, the
instrumentation's own estimate."""

Path: TypeAlias = tuple[str | int, ...]
Values: TypeAlias = dict[str, Any]
"""Field name → value of one span, of the type that `receiver.otlp.fields` reads for the field. Beside the
fields of `ModelCall` there are marks of the dialects (`oi_kind`, `vercel_operation`, ...), which the rules of
step 1 read, and parts of usage."""


class Key(NamedTuple):
    """One place where a field may stand.

    Attributes:
        order: place in the field's precedence; lower is looked at first (`reference: step 3`).
        path: inside the JSON value of the attribute; empty for the attribute itself.
        outside: a cache count that the input count of the same source leaves out.
        only: beginning of the scope names for which the place means this; empty for all. For log events of an
            emitter's own, their name stands in for the scope.
        never: beginning of the scope names for which it does not.
    """

    field: str
    order: float
    attribute: str
    path: Path = ()
    rank: int = DIALECT
    outside: bool = False
    only: str = ""
    never: str = "<none>"

    @property
    def shown(self) -> str:
        return "→".join([self.attribute, *map(str, self.path)]) if self.path else self.attribute


class Verdict(NamedTuple):
    """Whether a span is one billed call, and if not, why, in words a developer understands.

    Attributes:
        wrapper: it stands for a call whose emitter may have sent no inner span.
        known: a rule says that it is no call; without one, its usage is unread (`receiver.otlp.unread`).
        flags: bits of `processor.calls.call.Flag` that its call gets.
    """

    counts: bool
    reason: str = ""
    wrapper: bool = False
    known: bool = True
    flags: int = 0


COUNTS = Verdict(True)


def repeats_usage(reason: str, values: Values, known: bool = True) -> Verdict:
    """The verdict of a span around model calls: with usage it waits for them, and counts where none comes.

    Args:
        known: whether the span is known to be no call where it has no usage.
    """
    if "input_tokens" in values or "output_tokens" in values:
        return Verdict(False, f"{reason}; it repeats usage", wrapper=True)
    return Verdict(False, reason, known=known)


class Origin(NamedTuple):
    """Who emitted a span."""

    scope: str
    version: str


class LogEvent(NamedTuple):
    """A kind of log record that tells of a model call, or of something close to one.

    `receiver.otlp.logs.NEEDLES` must find it.

    Attributes:
        name: the event's full name; records are read as if `event.name` said it.
        failed: whether the call failed, of the values read.
        bare: the name without the emitter's, as `event.name` may hold it.
        scope: beginning of the scope names of records that hold the bare name.
        begins: a record's time is that of the call's beginning where it was observed at its end.
    """

    name: str
    failed: Callable[[Values], bool] = lambda values: False
    bare: str = ""
    scope: str = ""
    begins: bool = False


Judge: TypeAlias = Callable[[Values, bool], Verdict | None]
"""A rule of step 1, of the values read and whether the span failed; None when it says nothing."""


def judge_kinds(mark: str, calls: Mapping[str, str], what: str) -> Judge:
    """The judge of a vocabulary that says of each span what kind it is.

    Args:
        calls: kinds that are one provider request (`Dialect.calls`).
        what: how a reason speaks of its spans: `{}` is the kind.
    """

    def judge(values: Values, failed: bool) -> Verdict | None:
        kind = str(values[mark])
        if kind in calls:
            return COUNTS
        return repeats_usage(f"{what.format(kind)}: not a model call", values)

    return judge


class Emitters(NamedTuple):
    """The emitters of a vocabulary, as patterns for whole names."""

    scope: re.Pattern[str]
    version: re.Pattern[str]

    def fit(self, origin: Origin) -> bool:
        """Whether this emitter is one of them."""
        return bool(self.scope.fullmatch(origin.scope) and self.version.fullmatch(origin.version))


@dataclass(frozen=True, slots=True, eq=False)
class Dialect:
    """One vocabulary.

    Attributes:
        name: what `ModelCall.dialect` says.
        mark: the field whose presence lets the judge speak; "" without a judge.
        judge: step 1 for spans of this vocabulary, or None.
        keys: where its fields stand.
        scopes: beginnings of the scope names of its emitters, for the name only.
        biller: the provider of all its calls, where a gateway that sends the bill writes the spans.
        more_judges: further marks, each with its judge, asked after the first.
        calls: values of the mark that are one provider request → our name of the operation.
        serves: its SERVER spans are the calls themselves, written by the server of the model.
        emitters: whose spans alone it reads, before every other dialect; None for the vocabularies that any
            emitter may speak. Its judge is always asked.
        by_span_name: its judge reads the span's name, as the value `span_name`.
        events: the log records that its emitters tell of calls with.
    """

    name: str
    keys: tuple[Key, ...]
    mark: str = ""
    judge: Judge | None = None
    scopes: tuple[str, ...] = ()
    biller: str = ""
    more_judges: tuple[tuple[str, Judge], ...] = ()
    calls: Mapping[str, str] = field(default_factory=dict)
    serves: bool = False
    emitters: Emitters | None = None
    by_span_name: bool = False
    events: tuple[LogEvent, ...] = ()


TAG_SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "user_id": ("user_id", "userId"),
    "tenant_id": ("tenant_id", "tenantId"),
    "conversation_id": ("session_id", "sessionId", "conversation_id", "thread_id"),
    "prompt_version": ("prompt_version", "promptVersion"),
    "endpoint_tag": ("endpoint_tag", "endpointTag", "endpoint"),
    "external_request_id": ("external_request_id", "externalRequestId"),
    "data_mode": ("data_mode", "dataMode"),
    "attempt": ("attempt",),
}
"""How applications spell their tags inside a dialect's metadata."""

INHERITED = frozenset(
    {
        "user_id",
        "tenant_id",
        "conversation_id",
        "prompt_version",
        "endpoint_tag",
        "external_request_id",
        "data_mode",
        "environment",
        "attempt",
    }
)
"""Tags that a call takes from its ancestors in the same request, nearest first, when it lacks them."""
OFFERED = INHERITED | {"ancestor_model"}
"""What a span offers to the calls below it, beside the names that stand in for their endpoint."""

LABELS = ("workflow", "endpoint_label", "root_label", "http_route")
"""Names that stand in for an endpoint's tag (`processor.calls.inherit.ENDPOINT_NAMES`)."""


def metadata(prefix: str, order: int) -> tuple[Key, ...]:
    """The application's tags under a dialect's metadata prefix."""
    return tuple(
        Key(name, order, prefix + spelling)
        for name, spellings in TAG_SPELLINGS.items()
        for spelling in spellings
    )


def metadata_document(attribute: str, order: int) -> tuple[Key, ...]:
    """The application's tags inside a JSON attribute."""
    return tuple(
        Key(name, order, attribute, (spelling,))
        for name, spellings in TAG_SPELLINGS.items()
        for spelling in spellings
    )


def spellings(name: str, *more: str) -> tuple[str, ...]:
    """`endpoint_tag` → itself, `endpointTag`, `genai.endpoint_tag`, `app.endpoint_tag` (DESIGN §3)."""
    head, *rest = name.split("_")
    camel = head + "".join(part.title() for part in rest)
    return tuple(dict.fromkeys((name, camel, f"genai.{name}", f"app.{name}", *more)))


@dataclass(frozen=True)
class ApplicationKeys:
    """Attributes that the application itself sets; the first that is present wins, before every dialect."""

    endpoint_tag: tuple[str, ...] = spellings("endpoint_tag")
    prompt_version: tuple[str, ...] = spellings(
        "prompt_version", "gen_ai.prompt.version", "prompt.version", "app.prompt.version"
    )
    user_id: tuple[str, ...] = spellings("user_id", "user.id")
    tenant_id: tuple[str, ...] = spellings("tenant_id", "tenant.id")
    conversation_id: tuple[str, ...] = spellings("conversation_id", "session.id", "session_id", "sessionId")
    external_request_id: tuple[str, ...] = spellings("external_request_id")
    data_mode: tuple[str, ...] = spellings("data_mode")
    environment: tuple[str, ...] = ("genai.environment", "app.environment")
    attempt: tuple[str, ...] = spellings("attempt")

    def keys(self) -> Iterable[Key]:
        for name in self.__dataclass_fields__:
            attributes: tuple[str, ...] = getattr(self, name)
            for place, attribute in enumerate(attributes):
                yield Key(name, place - len(attributes), attribute, (), EXPLICIT)


@dataclass(frozen=True, slots=True)
class Convention:
    """How an emitter counts tokens (`receiver.dialects.conventions`).

    Attributes:
        cache: whether the input count of Anthropic-shaped usage includes cached tokens.
        reasoning: whether the output count of Gemini-shaped usage includes reasoning.
        loses_cache: without cached counts on the span, the provider's may have been lost.
        estimates: which spans may hold the instrumentation's own estimate: `any`, `streams`,
            `streams without cached counts`, `streams, unanswered` (and OpenLLMetry's answers without their
            model), `invoke_model of Mistral and Cohere`, or none (empty).
        loses_reasoning: the output count leaves it out, and nothing on the span shows it.
        mixes_reasoning: it stands beside the output, and in older versions in it as well; none says which.
        handles: the spans are those of handling the answer: their length is not the call's.
    """

    cache: str = OPEN
    reasoning: str = OPEN
    loses_cache: bool = False
    loses_reasoning: bool = False
    mixes_reasoning: bool = False
    estimates: str = ""
    handles: bool = False
