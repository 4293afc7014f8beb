"""Settings come from the environment, once, in the composition root. Every name is listed in the README."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import AliasChoices, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.errors import ConfigurationError

S = TypeVar("S", bound=BaseSettings)


class PlatformSettings(BaseSettings):
    """What all services of one installation share (prefix HANDOFF_, and KAFKA_ for the broker)."""

    model_config = SettingsConfigDict(env_prefix="HANDOFF_", extra="ignore", populate_by_name=True)

    bus: Literal["postgres", "kafka"] = "postgres"
    host: str = "127.0.0.1"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "json"
    token_keys: Path | None = None
    kafka_bootstrap: str = Field("127.0.0.1:9092", validation_alias=AliasChoices("KAFKA_BOOTSTRAP", "kafka_bootstrap"))
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", validation_alias=AliasChoices("KAFKA_SECURITY", "kafka_security")
    )
    kafka_sasl_mechanism: str = Field(
        "SCRAM-SHA-512", validation_alias=AliasChoices("KAFKA_SASL_MECHANISM", "kafka_sasl_mechanism")
    )
    kafka_username: str | None = Field(None, validation_alias=AliasChoices("KAFKA_USERNAME", "kafka_username"))
    kafka_password: str | None = Field(None, validation_alias=AliasChoices("KAFKA_PASSWORD", "kafka_password"), repr=False)
    kafka_ca_file: Path | None = Field(None, validation_alias=AliasChoices("KAFKA_CA_FILE", "kafka_ca_file"))
    kafka_replication: int = Field(1, ge=1, validation_alias=AliasChoices("KAFKA_REPLICATION", "kafka_replication"))
    kafka_min_insync: int = Field(1, ge=1, validation_alias=AliasChoices("KAFKA_MIN_INSYNC", "kafka_min_insync"))


class ServiceSettings(BaseSettings):
    """What one service needs. Each service subclasses it with its own prefix (INTAKE_, SCORING_, …)."""

    model_config = SettingsConfigDict(extra="ignore", populate_by_name=True)

    dsn: str = Field(repr=False)
    bus_dsn: str | None = Field(None, repr=False)
    port: int = Field(8080, ge=0, le=65535)
    pool_size: int = Field(6, ge=2, le=100)
    batch: int = Field(500, ge=1, le=5000)
    session_timeout: float = Field(6.0, ge=1)
    outbox_bound: int = Field(100_000, ge=1)
    stuck_after: float = Field(60.0, ge=1)
    instance: str | None = None


def load(kind: type[S], **overrides: Any) -> S:
    """Reads settings from the environment. Raises ConfigurationError that names every variable that is missing or wrong."""
    try:
        return kind(**overrides)
    except ValidationError as error:
        prefix = str(kind.model_config.get("env_prefix") or "")
        lines = [f"{prefix}{'_'.join(map(str, e['loc']))}".upper() + f": {e['msg']}" for e in error.errors()]
        raise ConfigurationError("Settings: " + "; ".join(lines)) from error
