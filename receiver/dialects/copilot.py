"""GitHub Copilot: chat in VS Code, the CLI and the app. Spans by the conventions, and the conventions' event.

A `chat` span is one request; `invoke_agent` repeats the sum. The same request's event
`gen_ai.client.inference.operation.details` is written within the span and has its response id. The provider
is `github`, which bills in its own units: a price is the user's to give (docs/pricing.md).

Source:
    microsoft/vscode, extensions/copilot/docs/monitoring/agent_monitoring.md (VS Code 1.131);
    https://docs.github.com/en/copilot/reference/enterprise-administrators/opentelemetry-reference (CLI, app)
"""

from __future__ import annotations

from receiver.dialects.table import FALLBACK, Dialect, Key

DIALECT = Dialect(
    name="copilot",
    scopes=("copilot-chat", "github.copilot", "github-copilot"),
    keys=(
        Key("conversation_id", 50, "copilot_chat.chat_session_id"),
        Key("conversation_id", 51, "copilot_chat.session_id"),
        Key("endpoint_tag", 30, "github.copilot.git.repository"),
        Key("endpoint_tag", 31, "copilot_chat.repo.remote_url"),
        Key("tenant_id", 60, "github.copilot.github.org"),
        Key("first_chunk_ms", 10, "copilot_chat.time_to_first_token"),
        Key("endpoint_label", 50, "copilot_chat.debug_name", (), FALLBACK),
        *(
            Key("user_id", order, attribute, only=scope)
            for scope in ("copilot-chat", "github.copilot", "github-copilot")
            for order, attribute in ((60, "user.name"), (70, "enduser.pseudo.id"))
        ),
    ),
)
