"""A stand-in for the model providers on this machine: OpenAI and Anthropic wire shapes, and a bill."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import re
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from demo import truth
from demo.plan import TOKENS_PER_WORD, Usage
from demo.shop import CACHED_SHARES, MODELS, Model
from demo.truth import Totals, Tried

CHARS_PER_TOKEN = 4
CACHED_FROM_TOKENS = 1024
"""Shorter prompts are not cached, as at the real providers."""
REFUSED_OF = 128
"""As the plan's share of errors."""
CACHED_OF_256 = 218
"""Of 256 questions so many find their beginning in the cache: the plan's 85 %."""


@dataclass(slots=True)
class Provider:
    """What the stub remembers: its bill by model, the prompts it has cached, and whom it has refused once.

    Attributes:
        refused_of: about one question in this many gets an error the first time it is asked.
        leaked_headers: requests that carried a `baggage` header: tags that left the application by mistake.
    """

    seconds_per_token: float = 0.0006
    refused_of: int = REFUSED_OF
    bill: dict[str, Totals] = field(default_factory=dict)
    leaked_headers: int = 0
    cached: set[tuple[str, str]] = field(default_factory=set)
    refused: set[bytes] = field(default_factory=set)
    serial: itertools.count[int] = field(default_factory=itertools.count)

    def app(self) -> Starlette:
        """The HTTP application: chat completions, embeddings, messages, and `GET /bill`."""
        return Starlette(
            routes=[
                Route("/v1/chat/completions", self.chat, methods=["POST"]),
                Route("/v1/embeddings", self.embeddings, methods=["POST"]),
                Route("/v1/messages", self.messages, methods=["POST"]),
                Route("/bill", self.show_bill),
            ]
        )

    async def chat(self, request: Request) -> Response:
        """OpenAI's chat completions, streamed when asked."""
        asked, refusal = await self.read(request)
        if refusal:
            return _openai_error(refusal)
        usage = self.usage(asked, _texts(asked["messages"]))
        if asked.get("stream"):
            return StreamingResponse(self.stream(asked, usage), media_type="text/event-stream")
        await asyncio.sleep(usage.output * self.seconds_per_token)
        self.charge(asked, usage)
        message = {"role": "assistant", "content": "It is on its way.", "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        return JSONResponse(
            self.completion(asked, "chat.completion") | {"choices": [choice], "usage": _openai_usage(usage)}
        )

    async def stream(self, asked: dict[str, Any], usage: Usage) -> AsyncIterator[str]:
        """Server-sent chunks; the last one carries the usage if `stream_options` ask for it."""
        head = self.completion(asked, "chat.completion.chunk")
        words = ["It ", "is ", "on ", "its ", "way."]
        for word in words:
            await asyncio.sleep(usage.output * self.seconds_per_token / len(words))
            yield _event(head, [{"index": 0, "delta": {"content": word}, "finish_reason": None}])
        yield _event(head, [{"index": 0, "delta": {}, "finish_reason": "stop"}])
        self.charge(asked, usage)
        if (asked.get("stream_options") or {}).get("include_usage"):
            yield _event(head, [], _openai_usage(usage))
        yield "data: [DONE]\n\n"

    async def embeddings(self, request: Request) -> Response:
        """OpenAI's embeddings."""
        asked, refusal = await self.read(request)
        if refusal:
            return _openai_error(refusal)
        usage = Usage(max(1, len(str(asked["input"])) // CHARS_PER_TOKEN), 0)
        self.charge(asked, usage)
        vector = {"object": "embedding", "index": 0, "embedding": [0.25, -0.5, 0.125]}
        counts = {"prompt_tokens": usage.input, "total_tokens": usage.input}
        return JSONResponse(
            {"object": "list", "model": _model(asked).answers_as, "data": [vector], "usage": counts}
        )

    async def messages(self, request: Request) -> Response:
        """Anthropic's messages; its `input_tokens` leave the cache out, as the real ones do."""
        asked, refusal = await self.read(request)
        if refusal:
            kind = "rate_limit_error" if refusal == 429 else "api_error"
            error = {"type": "error", "error": {"type": kind, "message": "Try again."}}
            return JSONResponse(error, refusal)
        usage = self.usage(asked, _texts([{"content": asked.get("system", "")}, *asked["messages"]]))
        await asyncio.sleep(usage.output * self.seconds_per_token)
        self.charge(asked, usage)
        return JSONResponse(
            {
                "id": f"msg_01{self.token()}",
                "type": "message",
                "role": "assistant",
                "model": _model(asked).answers_as,
                "content": [{"type": "text", "text": "It is on its way."}],
                "stop_reason": "end_turn",
                "stop_sequence": None,
                "usage": {
                    "input_tokens": usage.input - usage.cache_read - usage.cache_write,
                    "cache_read_input_tokens": usage.cache_read,
                    "cache_creation_input_tokens": usage.cache_write,
                    "output_tokens": usage.output,
                },
            }
        )

    async def show_bill(self, _: Request) -> Response:
        """What the provider would charge so far: sums by model asked for, as `truth.Totals`."""
        by_model = {model: asdict(totals) for model, totals in self.bill.items()}
        return JSONResponse({"models": by_model, "leaked_headers": self.leaked_headers})

    async def read(self, request: Request) -> tuple[dict[str, Any], int]:
        """The question, and the HTTP status of the refusal it gets (0: none). A refusal is on the bill."""
        body = await request.body()
        self.leaked_headers += "baggage" in request.headers
        asked: dict[str, Any] = json.loads(body)
        digest = hashlib.sha256(body).digest()
        if digest[0] % self.refused_of or digest in self.refused:
            return asked, 0
        self.refused.add(digest)
        self._count(asked, Tried(_model(asked), None, failed=True, first_try=True))
        return asked, 429 if digest[1] % 3 else 500

    def usage(self, asked: dict[str, Any], texts: list[str]) -> Usage:
        """Tokens for a question: input by its length, output by the words that the system prompt allows."""
        model, system = _model(asked), texts[0]
        tokens_in = max(8, sum(map(len, texts)) // CHARS_PER_TOKEN)
        words = re.search(r"at most (\d+) words", system)
        digest = hashlib.sha256("".join(texts).encode()).digest()
        tokens_out = int(int(words[1] if words else 40) * TOKENS_PER_WORD * (0.8 + digest[0] / 640))
        prefix = tokens_in * CACHED_SHARES.get(system, 0) // 100 // 64 * 64
        prefix = prefix if tokens_in >= CACHED_FROM_TOKENS else 0
        seen = (model.name, system) in self.cached and digest[1] < CACHED_OF_256
        self.cached.add((model.name, system))
        reasoning = tokens_out * 7 // 10 if model.name.startswith("o4") else 0
        written = prefix if model.cache_write and not seen else 0
        return Usage(tokens_in, tokens_out, prefix if seen else 0, written, reasoning)

    def charge(self, asked: dict[str, Any], usage: Usage) -> None:
        """Put an answered call on the bill."""
        self._count(asked, Tried(_model(asked), usage, failed=False, first_try=True))

    def _count(self, asked: dict[str, Any], call: Tried) -> None:
        truth.add(self.bill.setdefault(asked["model"], Totals()), call)

    def completion(self, asked: dict[str, Any], kind: str) -> dict[str, Any]:
        """The head that a completion and its chunks share."""
        answers_as = _model(asked).answers_as
        return {
            "id": f"chatcmpl-{self.token()}",
            "object": kind,
            "created": 1_700_000_000,
            "model": answers_as,
        }

    def token(self) -> str:
        """The unique part of a response id."""
        return hashlib.sha256(f"{id(self)}-{next(self.serial)}".encode()).hexdigest()[:24]


def _model(asked: dict[str, Any]) -> Model:
    return MODELS[asked["model"]]


def _texts(messages: list[dict[str, Any]]) -> list[str]:
    """The text of each message; content may be a string or a list of parts."""
    contents = (message["content"] for message in messages)
    return [c if isinstance(c, str) else "".join(part.get("text", "") for part in c) for c in contents]


def _openai_usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def _openai_error(status: int) -> Response:
    return JSONResponse({"error": {"message": "Try again.", "type": "requests", "code": str(status)}}, status)


def _event(head: dict[str, Any], choices: list[dict[str, Any]], usage: dict[str, Any] | None = None) -> str:
    return f"data: {json.dumps(head | {'choices': choices, 'usage': usage})}\n\n"
