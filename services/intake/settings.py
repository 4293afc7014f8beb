"""Settings of the intake service: environment variables with the prefix INTAKE_."""

from __future__ import annotations

from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class IntakeSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="INTAKE_", extra="ignore", populate_by_name=True)

    queue: int = 2000  # submissions that may wait for the group writer
    group: int = 500  # leads in one commit, at the most
    public_url: str = "http://127.0.0.1:8080"  # what senders call us by: some sign the whole address
    import_bytes: int = 268_435_456  # of one list that is uploaded, at the most
