"""Everything an operator can set: one YAML file, the environment, and the flags of `serve`."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    model_validator,
)

from processor.calls.errors import ConfigError
from receiver.config import ReceiverConfig, parse_address
from service.config_source import FILE_VARIABLE, Settings, add_environment, add_file, validate

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _duration(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd])", value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError("expected a duration with its unit, such as 30s, 15m, 12h or 31d")
    return timedelta(seconds=float(match[1]) * _UNITS[match[2]])


def duration_text(value: timedelta) -> str:
    """A duration as one writes it in the file: `31d`, `15m`."""
    seconds = int(value.total_seconds())
    unit = next((unit for unit in "dhm" if seconds and seconds % _UNITS[unit] == 0), "s")
    return f"{seconds // _UNITS[unit]}{unit}"


def _address(value: str) -> str:
    return str(parse_address(value))


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value, strict=False))
    except ValueError:
        raise ValueError("expected an address or a network, such as 10.0.0.5 or 10.0.0.0/8") from None


Duration = Annotated[timedelta, BeforeValidator(_duration), PlainSerializer(duration_text, return_type=str)]
Address = Annotated[str, AfterValidator(_address)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DatabaseConfig(_Section):
    """Where the ledger lives."""

    url: SecretStr | None = Field(
        None,
        description="PostgreSQL 15 or newer, with TimescaleDB or without. If empty, `DATABASE_URL` applies, "
        "then the `PG*` variables, then an embedded PostgreSQL under `data_dir`.",
    )
    embedded_port: int = Field(
        0, ge=0, le=65535, description="TCP port of the embedded PostgreSQL on 127.0.0.1; 0 picks a free one."
    )
    writers: int = Field(1, ge=1, le=16, description="Concurrent database writers per worker.")


class OpsConfig(_Section):
    """Pages, health and metrics."""

    listen: Address = Field("127.0.0.1:4319", description="Address of pages, health checks and metrics.")


class SignInConfig(_Section):
    """Who reads the pages of the ops port, and who changes alerts and incidents there (docs/inbox.md)."""

    mode: Literal["none", "key", "proxy"] = Field(
        "key",
        description="`key`: with an API key, once one exists; `proxy`: a proxy in front names the user; "
        "`none`: everybody who reaches the port, which must then be on a loopback address.",
    )
    session: Duration = Field(timedelta(hours=12), description="How long a browser stays signed in.")
    user_header: str = Field(
        "x-forwarded-user",
        pattern=r"^[A-Za-z0-9-]+$",
        description="The header with the user's name, from a proxy.",
    )
    proxies: tuple[Annotated[str, AfterValidator(_network)], ...] = Field(
        (), description="Addresses or networks of the proxies whose headers are believed."
    )
    operators: tuple[str, ...] = Field(
        (), description="Users of the proxy who may change alerts and incidents. If empty, all may."
    )

    @model_validator(mode="after")
    def _proxies_are_named(self) -> SignInConfig:
        if self.mode == "proxy" and not self.proxies:
            raise ValueError("proxies is missing: the addresses from which `user_header` is believed")
        return self


class InboxConfig(_Section):
    """Alerts that arrive by `POST /v1/alerts` on the ops port."""

    hmac_secret: SecretStr | None = Field(
        None,
        description="If set, every delivery must be signed with it: HMAC-SHA-256 with a timestamp, as "
        "Grafana 12 and newer send it.",
    )
    max_bytes: int = Field(
        16 * 1024 * 1024, ge=64 * 1024, description="Largest delivery; larger ones are answered 413."
    )
    cooldown: Duration = Field(
        timedelta(seconds=300),
        description="A topic told again within this time is stored, but flagged as needing no attention.",
    )


class IdentityConfig(_Section):
    """How users and tenants are stored (what looks like a person is hashed in every mode)."""

    user: Literal["hash", "plain", "presented"] = Field(
        "hash", description="`hash` (keyed), `plain` (as sent) or `presented` (already hashed by the sender)."
    )
    tenant: Literal["hash", "plain", "presented"] = Field("plain", description="The same for tenants.")
    key_file: Path | None = Field(
        None,
        description="Key of the hashes; created at the first start as `identity.key` under `data_dir`. All "
        "machines that share a database need the same file.",
    )
    labels: Path | None = Field(
        None,
        description="Your `identities.yaml`: labels for users and tenants, and the tenants of users "
        "(docs/retention-and-erasure.md).",
    )


class PricesConfig(_Section):
    """The price map on top of the built-in list."""

    file: Path | None = Field(
        None,
        description="Your `prices.yaml`: own models, aliases, dated prices, discounts (docs/pricing.md).",
    )


def _whole_days(value: timedelta) -> timedelta:
    if value < timedelta(days=1) or value % timedelta(days=1):
        raise ValueError("expected whole days, such as 90d")
    return value


Days = Annotated[Duration, AfterValidator(_whole_days)]


class RetentionConfig(_Section):
    """How long each level is kept; a level must outlive the latest call that may still be booked on it."""

    raw: Days = Field(timedelta(days=90), description="Single calls and their keys.")
    minute: Days = Field(timedelta(days=14), description="Sums by minute.")
    hour: Days = Field(timedelta(days=400), description="Sums by hour.")
    identity: Days = Field(
        timedelta(days=35), description="Sums by hour, user and tenant; then folded into days."
    )
    identity_day: Days = Field(timedelta(days=400), description="Sums by day, user and tenant.")
    quarantine: Days = Field(
        timedelta(days=35), description="Rejected spans with their reason; records of freshness."
    )
    late_limit: Duration = Field(
        timedelta(days=31),
        description="Calls that started longer ago are rejected. Shorter than every level except `minute`.",
    )

    @model_validator(mode="after")
    def _levels_outlive_late_calls(self) -> RetentionConfig:
        for name in ("raw", "hour", "identity", "identity_day"):
            if self.late_limit >= getattr(self, name):
                raise ValueError(
                    f"late_limit ({duration_text(self.late_limit)}) must be shorter than {name} "
                    f"({duration_text(getattr(self, name))}): a late resend is only recognised while its "
                    "key is kept, and only booked while its sums are"
                )
        if self.identity_day < self.identity:
            raise ValueError("identity_day must not be shorter than identity, which is folded into it")
        return self


class LimitsConfig(_Section):
    """Limits of one process and of one day."""

    bytes_in_flight: int = Field(
        128 * 1024 * 1024, ge=1024 * 1024, description="Decoded bytes waiting for a commit, per worker."
    )
    values_per_day: int = Field(
        2000,
        ge=10,
        description="Distinct values per day of each tag in sums: environment, service, endpoint, prompt "
        "version and model. Later ones are summed as `__other__`.",
    )
    identities_per_day: int = Field(50_000, ge=10, description="The same for tenants and users.")


class LogConfig(_Section):
    """The log on standard error."""

    format: Literal["text", "json"] = Field("text", description="`text`, or `json`: one object a line.")
    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Lowest level to log; `/diagnostics` always shows warnings."
    )


class EstimateConfig(_Section):
    """Token counts of our own where the provider's usage is missing (docs/pricing.md)."""

    enabled: bool = Field(
        False,
        description="Estimate tokens from message texts for calls without usage; needs the extra `estimate`. "
        "Texts stay in memory, and only until they are counted.",
    )
    max_bytes: int = Field(
        64 * 1024 * 1024, ge=1024 * 1024, description="Memory for waiting texts, per worker."
    )
    max_calls: int = Field(10_000, ge=1, description="Waiting calls, per worker.")


class AlertingConfig(_Section):
    """Rules, and who is told."""

    rules: Path | None = Field(
        None,
        description="Your `rules.yaml`: thresholds and minimum samples, with overrides (docs/alerts.md).",
    )
    owners: Path | None = Field(
        None, description="Your `owners.yaml`: owners of services and endpoints (docs/alerts.md)."
    )
    budgets: Path | None = Field(
        None, description="Your `budgets.yaml`: spending limits and spend-alerts (docs/budgets.md)."
    )
    evaluate: Literal["auto", "builtin", "off"] = Field(
        "auto",
        description="`builtin`: this service evaluates the rules every minute. `off`: Grafana does. `auto`: "
        "`builtin` with the embedded database, else `off`.",
    )
    observe: bool = Field(False, description="Tell the inbox only, no channel: to watch new thresholds.")
    webhook_url: SecretStr | None = Field(
        None,
        description="Gets warnings and critical alerts of the built-in evaluation, in the schema of "
        "Grafana's webhook.",
    )
    slack_url: SecretStr | None = Field(
        None, description="The same for a Slack-compatible webhook: Slack, Mattermost, Rocket.Chat."
    )
    heartbeat_url: SecretStr | None = Field(
        None, description="Asked for after every evaluation; a watcher outside alerts when that stops."
    )


class FreshnessConfig(_Section):
    """How soon calls have to be visible (docs/monitoring.md)."""

    objective: Duration = Field(
        timedelta(minutes=5), description="Within this time 95 of 100 calls have to be visible."
    )
    target: Duration = Field(
        timedelta(seconds=1), description="What is usual; a line on the Freshness dashboard."
    )
    window: Duration = Field(
        timedelta(minutes=5), description="The calls of this time are judged, and it is whole minutes."
    )


class ProbeTlsConfig(_Section):
    """PEM files with which the probe reaches an `https` address."""

    authority: Path | None = Field(
        None, description="Verifies the receiver's certificate. If empty, the system's authorities do."
    )
    certificate: Path | None = Field(
        None, description="Certificate chain of the probe, for a receiver with `receiver.tls.client_ca`."
    )
    key: Path | None = Field(None, description="Private key of that certificate.")

    @model_validator(mode="after")
    def _files_exist(self) -> Self:
        for path in filter(None, (self.authority, self.certificate, self.key)):
            if not path.is_file():
                raise ValueError(f"no such file: {path}")
        if (self.certificate is None) is not (self.key is None):
            raise ValueError("certificate and key belong together: set both or none")
        return self


class ProbeConfig(_Section):
    """A test request that shows whether calls get through (docs/monitoring.md)."""

    enabled: bool = Field(
        True, description="Send one from this service; its data mode is `test`, so no real figure has it."
    )
    every: Duration = Field(timedelta(minutes=1), description="From one request to the next.")
    timeout: Duration = Field(
        timedelta(seconds=30), description="What is not accepted or not visible by then has failed."
    )
    endpoint: str = Field(
        "",
        pattern=r"^(https?://[^/]+)?$",
        description="OTLP/gRPC address such as `https://spans.example:4317`. If empty, our own port.",
    )
    key: SecretStr | None = Field(
        None, description="API key for that address; the service's own port needs none."
    )
    tls: ProbeTlsConfig = Field(
        default_factory=ProbeTlsConfig, description="Certificates for an `https` address."
    )
    grafana_url: str = Field(
        "", description="A Grafana that is asked for the same figures, as the service reaches it."
    )
    grafana_token: SecretStr | None = Field(
        None, description="Token of a service account there that may query the data source."
    )
    grafana_datasource: str = Field("spanledger", description="Uid of the data source there.")


class Config(_Section):
    """Every setting of Spanledger."""

    data_dir: Path = Field(
        default_factory=lambda: (
            Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser() / "spanledger"
        ),
        description="The embedded PostgreSQL and the identity key.",
    )
    workers: int = Field(1, ge=1, le=64, description="Receiver processes that share the ports.")
    public_url: str = Field(
        "", description="Address of the pages as seen by a browser. If empty, there are no links."
    )
    grafana_url: str = Field(
        "", description="Address of Grafana as seen by a browser. If empty, pages do not link to dashboards."
    )
    trace_url: str = Field(
        "", description="Trace viewer address with `{traceId}` and `{spanId}`. If empty, there are no links."
    )
    database: DatabaseConfig = DatabaseConfig()
    receiver: ReceiverConfig = ReceiverConfig()
    ops: OpsConfig = OpsConfig()
    inbox: InboxConfig = InboxConfig()
    sign_in: SignInConfig = SignInConfig()
    identity: IdentityConfig = IdentityConfig()
    prices: PricesConfig = PricesConfig()
    retention: RetentionConfig = RetentionConfig()
    limits: LimitsConfig = LimitsConfig()
    estimate: EstimateConfig = EstimateConfig()
    alerting: AlertingConfig = AlertingConfig()
    freshness: FreshnessConfig = FreshnessConfig()
    probe: ProbeConfig = ProbeConfig()
    log: LogConfig = LogConfig()

    @model_validator(mode="after")
    def _no_sign_in_only_on_this_machine(self) -> Config:
        if self.sign_in.mode == "none" and not parse_address(self.ops.listen).is_loopback:
            raise ValueError(
                f"sign_in.mode none lets everybody in, and ops.listen ({self.ops.listen}) can be reached "
                "from other machines: choose key or proxy, or listen on 127.0.0.1"
            )
        return self


def load_config(
    path: Path | None = None,
    flags: Mapping[tuple[str, ...], tuple[str, object]] | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Config:
    """Read the configuration: flags over environment over file.

    Args:
        path: the YAML file; None takes `SPANLEDGER_CONFIG`, and without that no file.
        flags: setting path → (flag, value), for what the command line said.

    Raises:
        ConfigError: one line per fault with its file and line (or variable, or flag) and the reason.
    """
    settings = read_settings(path, flags, environment)
    config = validate(settings, Config)
    for name, file in _named_files(config):
        if file and not file.is_file():
            origin = settings.origin(tuple(name.split(".")))
            raise ConfigError(f"{origin}: {name}: no such file: {file}")
    return config


def _named_files(config: Config) -> tuple[tuple[str, Path | None], ...]:
    return (
        ("prices.file", config.prices.file),
        ("identity.labels", config.identity.labels),
        ("alerting.rules", config.alerting.rules),
        ("alerting.owners", config.alerting.owners),
        ("alerting.budgets", config.alerting.budgets),
    )


def read_settings(
    path: Path | None = None,
    flags: Mapping[tuple[str, ...], tuple[str, object]] | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Settings:
    """What flags, environment and file say, each value with its origin; not yet validated.

    Raises:
        ConfigError: the file cannot be read, or a variable names no setting.
    """
    settings = Settings()
    named = path or (Path(environment[FILE_VARIABLE]) if environment.get(FILE_VARIABLE) else None)
    if named:
        add_file(settings, named)
    _standard_names(settings, environment)
    add_environment(settings, Config, environment)
    for setting, (flag, value) in (flags or {}).items():
        settings.put(setting, value, flag)
    return settings


def _standard_names(settings: Settings, environment: Mapping[str, str]) -> None:
    """The names that every PostgreSQL program knows; ours win over them."""
    if settings.values.get("database", {}).get("url"):
        return
    if environment.get("DATABASE_URL"):
        settings.put(("database", "url"), environment["DATABASE_URL"], "environment DATABASE_URL")
    elif any(environment.get(name) for name in ("PGHOST", "PGHOSTADDR", "PGSERVICE")):
        # libpq reads the PG* variables itself; an empty URL leaves everything to it.
        settings.put(("database", "url"), "postgresql://", "environment PG*")
