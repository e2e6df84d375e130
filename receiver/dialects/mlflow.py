"""MLflow 3: `mlflow.*`, each value a JSON text; exported by OTLP with `mlflow.spanType` and a usage object.

Source: https://github.com/mlflow/mlflow, `mlflow/tracing/constant.py` and the autologging of each library
(3.0 to
3.9). With `MLFLOW_ENABLE_OTEL_GENAI_SEMCONV` it sends OpenTelemetry keys instead, without cached tokens.
It does not tell: reasoning, audio, images, the lifetime of cache writes; before 3.8 neither provider nor
model, which
are read from the inputs. Its input is what the library counted: with Anthropic's SDK the cache stands
outside.
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
        *usage_object_keys("mlflow.chat.tokenUsage", 76, totals=True),
        Key("reported_cost", 45, "mlflow.llm.cost", ("total_cost",)),
        *metadata("mlflow.traceTag.", 20),
    ),
)
