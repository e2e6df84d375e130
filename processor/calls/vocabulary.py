"""One spelling for names that instrumentations spell in many ways: providers, environments, data modes.

Source:
    OpenTelemetry GenAI conventions, `gen_ai.provider.name` well-known values; the other spellings were
    seen in captured exports of the instrumentations named beside them.
"""

from __future__ import annotations

import re
from typing import Final

from processor.calls.call import DEMO, REAL, TEST

NO_VALUES: Final = frozenset(
    {
        "", "-", "?", "n/a", "na", "nan", "nil", "none", "not set", "not_set", "null", "undefined",
        "unknown", "unset", "unspecified", "<none>", "<null>", "<unknown>", "(unknown)",
        "unknown_model", "unknown model",
    }
)  # fmt: skip
"""Words that emitters write where they have no value (Micrometer's `KeyValue.NONE_VALUE` is `none`)."""

FRAMEWORKS: Final = frozenset(
    {
        "agno",
        "ai",
        "autogen",
        "az.ai.agents",
        "az.ai.inference",  # azure-ai-inference says it of every host it talks to
        "az.ai.openai",
        "crewai",
        "dspy",
        "claude_agent_sdk",
        "compat",  # Cloudflare's unified endpoint: the model id names the vendor
        "gateway",  # Vercel's AI gateway: the model id names the vendor
        "gcp.vertex.agent",  # Google ADK names itself; Google sends the bill
        "genkit",
        "google_adk",
        "haystack",
        "instructor",
        "langchain",
        "langgraph",
        "langsmith",
        "litellm",
        "litellm_proxy",
        "llamaindex",
        "llama_index",
        "mastra",
        "microsoft.agent_framework",
        "microsoft.foundry",  # azure-ai-projects, for a plain OpenAI client too
        "openai_agents",
        "openai-agents",
        "openinference",
        "portkey",
        "ruby_llm",
        "pydantic-ai",
        "pydantic_ai",
        "semantic_kernel",
        "semantic-kernel",
        "smolagents",
        "spring_ai",
        "strands",
        "strands-agents",
        "traceloop",
        "vercel",
    }
)
"""Names that stand in the provider attribute but send no bill: the next source of the provider decides."""

PROVIDERS: Final[dict[str, str]] = {
    "anthropic": "anthropic",
    "claude": "anthropic",
    "aws": "aws.bedrock",
    "aws.bedrock": "aws.bedrock",
    "aws-bedrock": "aws.bedrock",
    "aws_bedrock": "aws.bedrock",
    "amazon": "aws.bedrock",
    "amazon-bedrock": "aws.bedrock",
    "amazon_bedrock": "aws.bedrock",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "converse": "aws.bedrock",
    "sagemaker": "aws.sagemaker",
    "aws.sagemaker": "aws.sagemaker",
    "azure": "azure.ai.openai",
    "azure-openai": "azure.ai.openai",
    "azure_openai": "azure.ai.openai",
    "azureopenai": "azure.ai.openai",
    "azure.openai": "azure.ai.openai",
    "azure.ai.openai": "azure.ai.openai",
    "azure.ai.inference": "azure.ai.inference",
    "azure_ai": "azure.ai.inference",
    "azure-ai": "azure.ai.inference",
    "azure.ai.foundry": "azure.ai.inference",
    "alibaba": "alibaba",
    "alibaba-cloud": "alibaba",
    "dashscope": "alibaba",
    "baseten": "baseten",
    "cerebras": "cerebras",
    "cloudflare": "cloudflare",
    "cloudflare-workers-ai": "cloudflare",
    "workers-ai": "cloudflare",
    "cohere": "cohere",
    "cohere_chat": "cohere",
    "databricks": "databricks",
    "deepinfra": "deepinfra",
    "deepseek": "deepseek",
    "fireworks": "fireworks_ai",
    "fireworks_ai": "fireworks_ai",
    "fireworks-ai": "fireworks_ai",
    "gcp": "gcp.gemini",
    "gcp.gemini": "gcp.gemini",
    "google-ai": "gcp.gemini",
    "googleai": "gcp.gemini",
    "google-ai-studio": "gcp.gemini",
    "gcp.gen_ai": "gcp.gemini",
    "gemini": "gcp.gemini",
    "gemini-api-key": "gcp.gemini",  # how Gemini CLI is signed in, as are the next three
    "oauth-personal": "gcp.gemini",
    "cloud-shell": "gcp.gemini",
    "compute-default-credentials": "gcp.vertex_ai",
    "google": "gcp.gemini",
    "google.generative-ai": "gcp.gemini",
    "google.generativeai": "gcp.gemini",
    "google-generativeai": "gcp.gemini",
    "google_generativeai": "gcp.gemini",
    "google_genai": "gcp.gemini",
    "google-genai": "gcp.gemini",
    "google-gla": "gcp.gemini",
    "gcp.vertex_ai": "gcp.vertex_ai",
    "google.vertex": "gcp.vertex_ai",
    "google_vertexai": "gcp.vertex_ai",
    "google-vertex": "gcp.vertex_ai",
    "google-vertexai": "gcp.vertex_ai",
    "google-vertex-ai": "gcp.vertex_ai",
    "vertex-ai-model-garden": "gcp.vertex_ai",
    "vertex.anthropic": "gcp.vertex_ai",
    "vertex": "gcp.vertex_ai",
    "vertex_ai": "gcp.vertex_ai",
    "vertexai": "gcp.vertex_ai",
    "vertex-ai": "gcp.vertex_ai",
    "anthropic_vertex": "gcp.vertex_ai",
    "github": "github",
    "groq": "groq",
    "huggingface": "huggingface",
    "hugging_face": "huggingface",
    "ibm": "ibm.watsonx.ai",
    "ibm.watsonx.ai": "ibm.watsonx.ai",
    "watsonx": "ibm.watsonx.ai",
    "meta": "meta",
    "minimax": "minimax",
    "mistral": "mistral_ai",
    "mistral_ai": "mistral_ai",
    "mistral-ai": "mistral_ai",
    "mistralai": "mistral_ai",
    "moonshot": "moonshot_ai",
    "moonshot_ai": "moonshot_ai",
    "moonshotai": "moonshot_ai",
    "novita": "novita",
    "novita-ai": "novita",
    "nvidia": "nvidia",
    "ollama": "ollama",
    "ollama_chat": "ollama",
    "openai": "openai",
    "open_ai": "openai",
    "openai-chat": "openai",
    "openai-responses": "openai",
    "openai_responses": "openai",
    "openrouter": "openrouter",
    "perplexity": "perplexity",
    "perplexity-ai": "perplexity",
    "replicate": "replicate",
    "together": "together_ai",
    "together_ai": "together_ai",
    "together-ai": "together_ai",
    "togetherai": "together_ai",
    "sglang": "sglang",
    "vllm": "vllm",
    "hosted_vllm": "vllm",
    "voyage": "voyage_ai",
    "voyage_ai": "voyage_ai",
    "voyageai": "voyage_ai",
    "x_ai": "x_ai",
    "x-ai": "x_ai",
    "x.ai": "x_ai",
    "xai": "x_ai",
    "grok": "x_ai",
    "zai": "zai",
    "zhipuai": "zai",
    "z.ai": "zai",
    "z-ai": "zai",
}
"""Spelling as sent, in lower case → our spelling. Whole names only: a substring is never a match."""

_HOSTS: Final[tuple[tuple[str, str], ...]] = (
    ("openai.azure.com", "azure.ai.openai"),
    ("openai.azure.us", "azure.ai.openai"),
    ("cognitiveservices.azure.com", "azure.ai.openai"),
    ("services.ai.azure.com", "azure.ai.inference"),
    ("models.ai.azure.com", "azure.ai.inference"),
    ("openai.com", "openai"),
    ("anthropic.com", "anthropic"),
    ("generativelanguage.googleapis.com", "gcp.gemini"),
    ("aiplatform.googleapis.com", "gcp.vertex_ai"),
    ("api.cohere.com", "cohere"),
    ("api.cohere.ai", "cohere"),
    ("api.deepinfra.com", "deepinfra"),
    ("api.deepseek.com", "deepseek"),
    ("api.fireworks.ai", "fireworks_ai"),
    ("api.groq.com", "groq"),
    ("api.cerebras.ai", "cerebras"),
    ("api.minimax.io", "minimax"),
    ("api.mistral.ai", "mistral_ai"),
    ("api.moonshot.ai", "moonshot_ai"),
    ("api.perplexity.ai", "perplexity"),
    ("api.together.ai", "together_ai"),
    ("api.together.xyz", "together_ai"),
    ("api.x.ai", "x_ai"),
    ("api.z.ai", "zai"),
    ("models.github.ai", "github"),
    ("models.inference.ai.azure.com", "github"),
    ("api.githubcopilot.com", "github"),
    ("dashscope.aliyuncs.com", "alibaba"),
    ("dashscope-intl.aliyuncs.com", "alibaba"),
    ("dashscope-us.aliyuncs.com", "alibaba"),
    ("integrate.api.nvidia.com", "nvidia"),
    ("router.huggingface.co", "huggingface"),
    ("api.novita.ai", "novita"),
    ("api.voyageai.com", "voyage_ai"),
    ("openrouter.ai", "openrouter"),
)
"""Ends of the hosts that providers answer on, for emitters that name the host (LiveKit's OpenAI and Anthropic
plugins). The longer end stands before the shorter."""
_HOST: Final = re.compile(r"(?:https?://)?([a-z0-9-]+(?:\.[a-z0-9-]+)+)(?::\d+)?(?:/.*)?")
_REGION: Final = re.compile(r"^[a-z0-9-]+-(?=aiplatform\.)")
_DECORATION: Final = re.compile(r"[\s_.-]+")

_VERCEL_SUFFIXES: Final = frozenset(
    {
        "chat",
        "completion",
        "embedding",
        "generative-ai",
        "image",
        "messages",
        "responses",
        "speech",
        "transcription",
    }
)
"""Suffixes that the Vercel AI SDK appends to the provider: `openai.chat`, `vertex.anthropic.messages`."""

ENVIRONMENTS: Final[dict[str, str]] = {
    "prod": "prod",
    "production": "prod",
    "prd": "prod",
    "live": "prod",
    "staging": "staging",
    "stage": "staging",
    "stg": "staging",
    "dev": "dev",
    "devel": "dev",
    "develop": "dev",
    "development": "dev",
}
"""Spellings of the three environments that everyone has."""

_DATA_MODES: Final[dict[str, str]] = {
    "real": REAL,
    "live": REAL,
    "test": TEST,
    "testing": TEST,
    "demo": DEMO,
    "synthetic": DEMO,
}

_MODEL_FAMILIES: Final[tuple[tuple[str, str], ...]] = (
    ("gpt-", "openai"),
    ("chatgpt-", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("ft:gpt-", "openai"),
    ("text-embedding-3-", "openai"),
    ("text-embedding-ada-", "openai"),
    ("claude-", "anthropic"),
    ("gemini-", "gcp.gemini"),
    ("models/gemini-", "gcp.gemini"),
    ("projects/", "gcp.vertex_ai"),
    ("publishers/google/", "gcp.vertex_ai"),
    ("publishers/anthropic/", "gcp.vertex_ai"),
    ("anthropic.claude-", "aws.bedrock"),
    ("us.anthropic.claude-", "aws.bedrock"),
    ("eu.anthropic.claude-", "aws.bedrock"),
    ("apac.anthropic.claude-", "aws.bedrock"),
    ("global.anthropic.claude-", "aws.bedrock"),
    ("amazon.nova-", "aws.bedrock"),
    ("amazon.titan-", "aws.bedrock"),
    ("arn:aws:bedrock:", "aws.bedrock"),
    ("mistral-", "mistral_ai"),
    ("codestral-", "mistral_ai"),
    ("command-r", "cohere"),
    ("grok-", "x_ai"),
    ("deepseek-chat", "deepseek"),
    ("deepseek-reasoner", "deepseek"),
    ("kimi-", "moonshot_ai"),
)
"""Beginnings of model ids that only their vendor's own API uses."""


def provider_name(raw: str | None) -> str | None:
    """Our spelling of a provider, or None where the value names no provider.

    A name that is in no table is kept in lower case: an own gateway or a new vendor is a provider too.
    """
    if not raw:
        return None
    known = PROVIDERS.get(raw)
    return known if known is not None else _unusual_provider(raw)


def _unusual_provider(raw: str) -> str | None:
    name = raw.strip().lower()
    if name in PROVIDERS:
        return PROVIDERS[name]
    if name in NO_VALUES or _is_placeholder(name) or _bare(name) in _BARE_FRAMEWORKS:
        return None
    stem, _, suffix = name.rpartition(".")
    if stem and suffix in _VERCEL_SUFFIXES:
        return provider_name(stem)
    return _BARE_PROVIDERS.get(_bare(name)) or _provider_of_host(name) or name


def _bare(name: str) -> str:
    """`Google AI Studio` → `googleaistudio`: display names differ from ids in case and separators alone."""
    return _DECORATION.sub("", name.lower())


_BARE_PROVIDERS: Final = {_bare(spelled): ours for spelled, ours in PROVIDERS.items()}
_BARE_FRAMEWORKS: Final = frozenset(map(_bare, FRAMEWORKS))


def provider_of_host(address: object) -> str:
    """The provider that answers on a host; "" for others: a gateway may be any provider's."""
    return (_provider_of_host(address.strip().lower()) or "") if isinstance(address, str) else ""


def _provider_of_host(name: str) -> str | None:
    found = _HOST.fullmatch(name)
    if found is None:
        return None
    host = _REGION.sub("", found[1])
    if host.startswith("bedrock") and ".amazonaws.com" in host:
        return "aws.bedrock"
    return next((ours for end, ours in _HOSTS if host == end or host.endswith("." + end)), None)


def model_name(raw: str | None) -> str | None:
    """A model id as sent, or None for a word that says there is none: `none`, `<unknown_model_name>`."""
    return None if raw is None or raw.lower() in NO_VALUES or _is_placeholder(raw) else raw


def _is_placeholder(raw: str) -> bool:
    """VeADK writes `<unknown_model_name>` where it has none, Dify `<unknown>`."""
    return raw[:1] == "<" and raw[-1:] == ">"


def provider_of_model(model: str | None) -> str | None:
    """The provider that a model id speaks of by itself, for spans that name none; None when it is open.

    `openai/gpt-4o-mini` names its provider; `gpt-4o-mini` belongs to one family; `llama-3` to nobody.
    """
    if not model:
        return None
    name = model.strip().lower()
    head, slash, _ = name.partition("/")
    if not slash:
        head, slash, _ = name.partition(":")  # pydantic-ai and LangChain: `openai:gpt-4o`
    if slash and head in PROVIDERS:
        return PROVIDERS[head]
    return next((provider for start, provider in _MODEL_FAMILIES if name.startswith(start)), None)


def environment_name(raw: str | None) -> str:
    """`prod`, `staging` or `dev` for their many spellings; others trimmed; `prod` for none."""
    if not raw:
        return "prod"
    return ENVIRONMENTS.get(raw) or ENVIRONMENTS.get(raw.strip().lower()) or raw.strip() or "prod"


def data_mode_name(raw: str | None) -> str | None:
    """`real`, `test` or `demo`; None for anything else."""
    return _DATA_MODES.get(raw.strip().lower()) if raw else None
