"""Settings of the receiver: addresses, limits, timeouts, TLS."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Final, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from receiver.dialects.config import DialectConfig

MIB: Final = 1 << 20


class Address(NamedTuple):
    """Where to listen. `host` without brackets; port 0 asks the system for a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """True when only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_address(text: str) -> Address:
    """`127.0.0.1:4317`, `[::1]:4317`, `localhost:4317` or `:4317` (every interface) as an address.

    Raises ValueError saying what was expected.
    """
    host, colon, port = text.strip().rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"expected HOST:PORT, got {text!r}")
    bare = host.removeprefix("[").removesuffix("]")
    if ":" in bare and not host.startswith("["):
        raise ValueError(f"an IPv6 host needs brackets, as in [::1]:{port}; got {text!r}")
    return Address(bare or "0.0.0.0", int(port))


class TlsConfig(BaseModel):
    """PEM files of both transports."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    certificate: Path = Field(
        description="Certificate chain of the server, PEM. If set, both ports speak TLS only."
    )
    key: Path = Field(description="Private key of the certificate, PEM.")
    client_ca: Path | None = Field(
        None,
        description="Certificate authority, PEM. If set, senders need a certificate signed by it.",
    )

    @model_validator(mode="after")
    def _files_exist(self) -> Self:
        for path in filter(None, (self.certificate, self.key, self.client_ca)):
            if not path.is_file():
                raise ValueError(f"no such file: {path}")
        return self


class ReceiverConfig(BaseModel):
    """Where spans come in, and how much of them at a time. Sizes in bytes, times in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    grpc: str = Field("127.0.0.1:4317", description="Address for OTLP/gRPC.")
    http: str = Field("127.0.0.1:4318", description="Address for OTLP/HTTP and `POST /v1/telemetry`.")
    tls: TlsConfig | None = Field(None, description="Encrypts both; without it both are plain.")

    max_message_bytes: int = Field(
        64 * MIB,
        ge=1024,
        le=1024 * MIB,
        description="Largest request, as sent and after decompression (OTLP recommends 64 MiB).",
    )
    max_bytes_in_flight: int = Field(
        192 * MIB,
        ge=1024,
        description="Requests in flight per worker, from reading to commit; beyond it senders are told to "
        "retry.",
    )
    header_timeout_seconds: float = Field(
        10.0,
        gt=0,
        le=60,
        description="HTTP: time to receive the headers, from the first byte (or the connection).",
    )
    body_timeout_seconds: float = Field(
        30.0, gt=0, le=60, description="Time to receive the body, from the end of the headers."
    )
    idle_timeout_seconds: float = Field(
        90.0, gt=0, description="HTTP: how long a kept-alive connection may wait for its next request."
    )
    max_connections: int = Field(
        2000, ge=1, description="HTTP connections per worker; beyond it they are answered 503 and closed."
    )
    max_header_bytes: int = Field(32 * 1024, ge=1024, description="HTTP request line and headers together.")

    dialects: tuple[DialectConfig, ...] = Field(
        (),
        description="Your own vocabularies: which attributes of an emitter fill which fields "
        "(docs/instrumenting.md).",
    )

    @field_validator("dialects")
    @classmethod
    def _names_differ(cls, value: tuple[DialectConfig, ...]) -> tuple[DialectConfig, ...]:
        names = [dialect.name for dialect in value]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise ValueError(f"the name {twice} is there twice")
        return value

    @field_validator("grpc", "http")
    @classmethod
    def _is_address(cls, value: str) -> str:
        parse_address(value)
        return value

    @model_validator(mode="after")
    def _largest_request_fits(self) -> Self:
        if self.max_bytes_in_flight < self.max_message_bytes:
            raise ValueError("max_bytes_in_flight must not be below max_message_bytes")
        return self
