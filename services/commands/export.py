"""`export`: all that is held on a person, in one file, over the running services' HTTP interface."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import httpx
import typer

from services.commands.deadletters import HERE, Token, Url
from shared.errors import ConfigurationError


def export(
    contact_id: UUID,
    out: Annotated[Path | None, typer.Option(help="The file to write; without it, standard output.")] = None,
    url: Url = HERE,
    token: Token = None,
) -> None:
    """Write all that is held on a person: what intake keeps, and each lead's timeline from the tracker."""
    if token is None:
        raise ConfigurationError("HANDOFF_TOKEN: give a token of an admin or of marketing (make one: python -m services token)")
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30, trust_env=False) as http:
        document = _read(http, f"/v1/contacts/{contact_id}/export")
        document["timelines"] = [_read(http, path) for path in document.pop("elsewhere")]
    text = json.dumps(document, indent=2, ensure_ascii=False)
    if out is None:
        typer.echo(text)
        return
    out.write_text(text + "\n")
    out.chmod(0o600)
    counts = f"leads: {len(document['leads'])}, timelines: {len(document['timelines'])}"
    typer.echo(f"{out} is written, readable by you only ({counts}).")


def _read(http: httpx.Client, path: str) -> dict[str, Any]:
    try:
        answer = http.get(path)
        document: dict[str, Any] = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error or type(error).__name__}") from error
    if answer.is_error:
        raise ConfigurationError(f"{path}: {document.get('detail', answer.status_code)}")
    return document
