"""MLflow 3: `mlflow.*`, each value a JSON text; exported by OTLP with `mlflow.spanType` and a usage object.

Source: https://github.com/mlflow/mlflow, `mlflow/tracing/constant.py` and the autologging of each library;
`tests/fixtures/emitters/mlflow-3.17.2.pb` as exported (OpenAI, Anthropic). With
`MLFLOW_ENABLE_OTEL_GENAI_SEMCONV` it sends OpenTelemetry keys instead, without cached tokens.

Whether the input includes Anthropic's cache changed with the version; the provider's own object in the
outputs decides, and tells reasoning, audio and the counts of embeddings, which the usage object lacks.
Where outputs are not that object (LangChain, streams), these are not told. The provider is often missing: the
format of the messages names it.
"""

from __future__ import annotations

from receiver.dialects.spellings import usage_object_keys
from receiver.dialects.table import Dialect, Key, judge_kinds, metadata

_CALLS = {"CHAT_MODEL": "chat", "LLM": "chat", "EMBEDDING": "embeddings"}

DIALECT = Dialect(
    name="mlflow",
    mark="mlflow_type",
    judge=judge_kinds("mlflow_type", _CALLS, "MLflow {} span"),
    calls=_CALLS,
    scopes=("mlflow",),
    keys=(
        Key("mlflow_type", 10, "mlflow.spanType"),
        Key("provider", 45, "mlflow.llm.provider"),
        Key("provider", 76, "mlflow.message.format"),
        Key("model", 41, "mlflow.spanOutputs", ("model",)),
        Key("model", 45, "mlflow.llm.model"),
        Key("model", 94, "mlflow.spanInputs", ("model",)),
        Key("request_model", 81, "mlflow.spanInputs", ("model",)),
        Key("request_model", 82, "mlflow.llm.model"),
        Key("response_id", 34, "mlflow.spanOutputs", ("id",)),
        Key("service_tier", 35, "mlflow.spanOutputs", ("service_tier",)),
        Key("asked_tier", 45, "mlflow.spanInputs", ("service_tier",)),
        *usage_object_keys("mlflow.chat.tokenUsage", 76, totals=True),
        *usage_object_keys("mlflow.spanOutputs", 79, "usage"),
        Key("reported_cost", 45, "mlflow.llm.cost", ("total_cost",)),
        *metadata("mlflow.traceTag.", 20),
    ),
)
