"""`deadletters`: list, read and redrive, over the running services' HTTP interface."""

from __future__ import annotations

import json
import os
from typing import Annotated, Any
from uuid import UUID

import httpx
import typer
from rich.console import Console
from rich.table import Table

from services.commands.installation import SERVICES
from shared.errors import ConfigurationError

app = typer.Typer(help="Records that could not be handled: list, read, redrive. Needs an admin's token.", no_args_is_help=True)

Url = Annotated[str, typer.Option(envvar="HANDOFF_URL", help="Address of the service, or of all on one port.")]
Token = Annotated[str | None, typer.Option(envvar="HANDOFF_TOKEN", help="An admin's token.")]
Service = Annotated[str, typer.Argument(help=f"One of: {', '.join(SERVICES)}.")]
Lead = Annotated[UUID | None, typer.Option(help="Only this lead's.")]
HERE = "http://127.0.0.1:8080"


@app.command("list")
def list_(service: Service, url: Url = HERE, token: Token = None, lead_id: Lead = None) -> None:
    """List a service's dead letters, oldest first."""
    table = Table("id", "kind", "type", "lead", "tries", "first seen", "reason")
    cursor: str | None = None
    while True:
        query = {"cursor": cursor, "lead_id": str(lead_id) if lead_id else None}
        page = _ask("GET", f"{url}/{_known(service)}/deadletters", token, params={k: v for k, v in query.items() if v})
        for one in page["items"]:
            cells = (one["id"], one["kind"], one["type"], one["lead_id"], one["attempts"], one["first_seen"][:19], one["reason"])
            table.add_row(*(str(cell) for cell in cells))
        cursor = page["next"]
        if not cursor:
            break
    Console().print(table if table.row_count else f"{service} has no dead letters.")


@app.command("read")
def read(service: Service, id: int, url: Url = HERE, token: Token = None) -> None:
    """Show one dead letter whole. It may hold contact data."""
    typer.echo(json.dumps(_ask("GET", f"{url}/{_known(service)}/deadletters/{id}", token), indent=2))


@app.command("redrive")
def redrive(
    service: Service,
    id: Annotated[int | None, typer.Option(help="Only this one, and what waits behind it.")] = None,
    lead_id: Lead = None,
    url: Url = HERE,
    token: Token = None,
) -> None:
    """Handle dead letters again: one, a lead's, or all."""
    body = {"id": id, "lead_id": str(lead_id) if lead_id else None}
    answer = _ask("POST", f"{url}/{_known(service)}/deadletters/redrive", token, json=body)
    typer.echo(f"{answer['repaired']} repaired.")
    for lead in answer["leads"]:
        if lead.get("reason"):
            typer.echo(f"lead {lead['lead_id']}: {lead['left']} left: {lead['reason']}")


def _known(service: str) -> str:
    if service not in SERVICES:
        raise ConfigurationError(f"there is no service {service}; choose one of {', '.join(SERVICES)}")
    return service


def _ask(method: str, address: str, token: str | None, **request: Any) -> Any:
    token = token or os.environ.get("HANDOFF_TOKEN")
    if not token:
        raise ConfigurationError("HANDOFF_TOKEN: an admin's token is needed (python -m services token --role admin)")
    try:
        answer = httpx.request(method, address, headers={"Authorization": f"Bearer {token}"}, timeout=120, **request)
    except httpx.TransportError as error:
        raise ConfigurationError(f"{address} does not answer ({type(error).__name__}); is it running? see --url") from error
    if answer.is_error:
        raise ConfigurationError(f"{answer.status_code}: {answer.json().get('detail', answer.text)}")
    return answer.json()
