"""The vocabularies that instrumentations speak, one file each, and the tables made of them."""

from __future__ import annotations

from receiver.dialects import (
    agent_frameworks,
    claude_code,
    cloudflare,
    codex,
    gemini_cli,
    genkit,
    inference_event,
    inference_servers,
    langfuse,
    langsmith,
    litellm,
    livekit,
    logfire,
    mastra,
    mlflow,
    openinference,
    openlit,
    openllmetry,
    openrouter,
    otel_genai,
    sdk_native,
    sentry,
    vercel_ai,
)
from receiver.dialects.table import Dialect

DIALECTS: tuple[Dialect, ...] = (
    claude_code.DIALECT,
    codex.DIALECT,
    gemini_cli.DIALECT,
    inference_event.DIALECT,
    openinference.DIALECT,
    langfuse.DIALECT,
    langsmith.DIALECT,
    vercel_ai.DIALECT,
    mlflow.DIALECT,
    genkit.DIALECT,
    mastra.DIALECT,
    openrouter.DIALECT,
    inference_servers.VLLM,
    inference_servers.SGLANG,
    openllmetry.DIALECT,
    litellm.DIALECT,
    logfire.DIALECT,
    sentry.DIALECT,
    agent_frameworks.DIALECT,
    otel_genai.DIALECT,
    openlit.DIALECT,
    sdk_native.DIALECT,
    cloudflare.DIALECT,
    livekit.DIALECT,
)
"""In the order in which their rules of step 1 are asked; the first that answers decides."""
