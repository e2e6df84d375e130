"""Where things stand inside LangChain's result."""

from __future__ import annotations

from receiver.dialects.table import Key, Path


def langchain_answer(attribute: str, scope: str) -> tuple[Key, ...]:
    """Id and model that answered, inside a LangChain result; a stream's attribute has the requested model."""
    metadata: Path = ("generations", 0, 0, "message", "kwargs", "response_metadata")
    return (
        Key("response_id", 32, attribute, ("llm_output", "id"), only=scope),
        Key("response_id", 33, attribute, (*metadata, "id"), only=scope),
        Key("model", 5, attribute, (*metadata, "model_name"), only=scope),
    )
