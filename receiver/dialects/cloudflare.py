"""Cloudflare AI Gateway: it exports a span per request itself, as OTLP/JSON.

Source: https://developers.cloudflare.com/ai-gateway/observability/otel-integration/ (2026). Custom metadata
(`cf-aig-metadata`) stands as plain attributes.
Not sent: the operation, the model that answered, the id of the response, cached and reasoning
tokens, and whether the gateway answered from its own cache, for which no provider is paid.
"""

from __future__ import annotations

from processor.calls.call import Flag
from receiver.dialects.conventions import may_cache
from receiver.dialects.table import COUNTS, Dialect, Key, Values, Verdict

_WITHOUT_CACHE = Verdict(True, flags=int(Flag.USAGE_LOSSY))
"""Where the provider counts cached tokens beside the input, a span without them may have lost most of it."""


def judge(values: Values, failed: bool) -> Verdict | None:
    """Every span that names the gateway's provider is one request; other emitters name the operation."""
    if "otel_operation" in values:
        return None
    return _WITHOUT_CACHE if may_cache(values.get("provider", ""), values.get("model", "")) else COUNTS


DIALECT = Dialect(
    name="cloudflare",
    mark="cloudflare_host",
    judge=judge,
    keys=(
        Key("cloudflare_host", 10, "gen_ai.model.provider"),
        Key("provider", 25, "gen_ai.model.provider"),
    ),
)
