"""Random traces in random pieces over two receivers: the end state is the truth, whatever came when.

The truth is stated here once more, from the tree and the receipts alone (LEDGER §23): receipts of a trace
fall into sessions, cut where 15 minutes passed without one or two hours since the first. Inside its session a
call is named by the nearest ancestor that an unbroken line leads to, or by the root; outside it by nobody.
An outer call with the same tokens is the same call, a wrapper counts if no call came below it, and not if
one came later after all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.receiver.spans import CHAT, Made
from tests.sizes import examples
from tests.storage.late import Late, late_ledger

NAMES = {"prompt_version": "prompt_version", "tenant_id": "tenant.id", "user_id": "user.id"}
AGENT, CALL, OUTER, WRAPPER = "agent", "call", "outer", "wrapper"
QUIET, LONGEST = 15, 120
FAR = 10_000
"""A minute after which nothing can change any more."""
_numbers = count(1)


@dataclass
class TraceSpan:
    """A span of the truth; `minutes` are its receipts, only the first of which counts for a call."""

    number: int
    kind: str
    parent: int
    tags: dict[str, str]
    minutes: list[int]
    tokens: int

    @property
    def counts(self) -> bool:
        return self.kind in (CALL, OUTER)

    @property
    def receipts(self) -> list[int]:
        return sorted(self.minutes)[:1] if self.kind != AGENT else self.minutes


@dataclass
class Truth:
    """What a trace must end as."""

    nodes: dict[int, TraceSpan]
    sessions: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for minute in sorted(m for node in self.nodes.values() for m in node.receipts):
            open_one = self.sessions and (
                minute - self.sessions[-1][1] <= QUIET and minute - self.sessions[-1][0] <= LONGEST
            )
            if open_one:
                self.sessions[-1] = self.sessions[-1][0], minute
            else:
                self.sessions.append((minute, minute))

    def session(self, node: TraceSpan) -> int:
        return next(i for i, (first, last) in enumerate(self.sessions) if first <= node.receipts[0] <= last)

    def is_in(self, node: TraceSpan, session: int) -> bool:
        first, last = self.sessions[session]
        return any(first <= minute <= last for minute in node.receipts)

    def line(self, node: TraceSpan) -> list[TraceSpan]:
        """The unbroken line upwards inside the session, the nearest first."""
        found: list[TraceSpan] = []
        above = self.nodes.get(node.parent)
        while above is not None and self.is_in(above, self.session(node)):
            found.append(above)
            above = self.nodes.get(above.parent)
        return found

    def first_missing(self, node: TraceSpan) -> int:
        return ([node, *self.line(node)])[-1].parent

    def tags(self, node: TraceSpan) -> tuple[str, ...]:
        line = self.line(node)
        sighted = [above for above in line if not above.counts]
        root = self.nodes[1]
        if self.first_missing(node) and not root.counts and self.is_in(root, self.session(node)):
            sighted.append(root)
        return tuple(
            next((place.tags[name] for place in [node, *sighted] if name in place.tags), "unknown")
            for name in NAMES
        )

    def counted(self) -> dict[int, tuple[object, ...]]:
        calls = [node for node in self.nodes.values() if node.counts]
        merged = {
            above.number
            for node in calls
            for above in self.line(node)
            if above.kind == OUTER and above.tokens == node.tokens
        }
        served = {above.number for node in calls for above in self.line(node)}
        missing = {
            self.first_missing(node) for node in calls if self.nodes.get(self.first_missing(node)) is not None
        }
        later = {
            number for number in missing
            if self.nodes[number].kind == WRAPPER and any(
                self.first_missing(node) == number and self.session(node) > self.session(self.nodes[number])
                for node in calls
            )
        }  # fmt: skip
        wrappers = [
            node for node in self.nodes.values() if node.kind == WRAPPER and node.number not in served | later
        ]
        kept = [node for node in calls if node.number not in merged] + wrappers
        return {node.number: (node.tokens, *self.tags(node)) for node in kept}


@st.composite
def traces(draw: st.DrawFn) -> dict[int, TraceSpan]:
    """A tree of up to nine spans: agents with tags, calls, calls in calls, wrappers; with their receipts."""
    nodes: dict[int, TraceSpan] = {}
    minutes = st.sampled_from([0, 0, 1, 5, 14, 15, 16, 30, 31, 45, 119, 121, 136])
    for number in range(1, draw(st.integers(2, 9)) + 1):
        agents = [n.number for n in nodes.values() if n.kind == AGENT]
        hosts = agents + [n.number for n in nodes.values() if n.kind in (OUTER, WRAPPER)]
        kind = AGENT if number == 1 else draw(st.sampled_from([AGENT, CALL, CALL, OUTER, WRAPPER]))
        places = hosts if kind == CALL else agents
        parent = draw(st.sampled_from(places)) if places else 0
        tokens = 1_000 + number
        if kind == CALL and nodes[parent].kind == OUTER and draw(st.booleans()):
            tokens = nodes[parent].tokens
        names = draw(st.sets(st.sampled_from(sorted(NAMES)))) if kind == AGENT else set()
        times = draw(st.lists(minutes, min_size=1, max_size=2 if kind in (AGENT, CALL) else 1))
        tags = {name: f"{name}-{number}" for name in names}
        nodes[number] = TraceSpan(number, kind, parent, tags, times, tokens)
    return nodes


def made(node: TraceSpan, trace: bytes) -> Made:
    usage = {"gen_ai.usage.input_tokens": node.tokens, "gen_ai.usage.output_tokens": 7}
    attributes: dict[str, object] = {NAMES[name]: value for name, value in node.tags.items()}
    scope, name = ("test", "1"), node.kind
    if node.kind == AGENT:
        attributes |= {"gen_ai.operation.name": "invoke_agent"}
    elif node.kind == WRAPPER:
        attributes |= {
            "ai.operationId": "ai.generateText",
            "ai.model.id": "gpt-4o-mini", "ai.model.provider": "openai.chat",
            "ai.usage.promptTokens": node.tokens, "ai.usage.completionTokens": 7,
        }  # fmt: skip
        scope, name = ("ai", ""), "ai.generateText"
    else:
        attributes |= {**CHAT, **usage}
    made = Made(attributes, node.number, node.parent, trace, name, kind=1, scope=scope, start=node.number)
    made.resource = {"service.name": trace.hex()}  # else a call of another example may be the same call
    return made


def play(late: Late, nodes: dict[int, TraceSpan], trace: bytes, data: st.DataObject) -> None:
    """Send every receipt in a batch of its minute and receiver, in drawn order; bind now and then."""
    batches: dict[tuple[int, int], list[TraceSpan]] = {}
    for node in nodes.values():
        for minute in node.minutes:
            batches.setdefault((minute, data.draw(st.integers(0, 1))), []).append(node)
    order = data.draw(st.permutations(sorted(batches)))
    now = 0
    for minute, receiver in sorted(order, key=lambda place: place[0]):
        now = max(now, minute)
        spans = data.draw(st.permutations(batches[minute, receiver]))
        late.send(*(made(node, trace) for node in spans), minute=minute, receiver=receiver)
        if data.draw(st.booleans()):
            late.bind(now)
    late.bind(FAR)
    late.bind(FAR)


def test_the_end_state_is_the_truth(migrated_database: str) -> None:
    with late_ledger(migrated_database) as late:

        @settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))
        @given(nodes=traces(), data=st.data())
        def check(nodes: dict[int, TraceSpan], data: st.DataObject) -> None:
            trace = next(_numbers).to_bytes(16, "big")
            play(late, nodes, trace, data)
            columns = "('x' || span_id)::bit(64)::bigint, input_tokens, prompt_version, tenant_id, user_id"
            query = f"SELECT {columns} FROM genai.model_call WHERE trace_id = %s"  # noqa: S608 - ours
            found = {row[0]: row[1:] for row in late.rows(query, trace.hex())}
            assert found == Truth(nodes).counted()

        check()
