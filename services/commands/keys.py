"""`keys`: the installation's token keys."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shared.auth import write_new_keys

app = typer.Typer(help="Token keys: one file, readable by its owner only.", no_args_is_help=True)


@app.callback()
def keys() -> None:
    """Token keys: one file, readable by its owner only."""


@app.command("new")
def new(path: Annotated[Path, typer.Argument(help="The key file; made if missing.")]) -> None:
    """Put a fresh signing key first. Tokens of older keys stay valid until you take those keys out of the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_new_keys(path)
    typer.echo(f"{path} has a new signing key. Restart the services so that they know it.")
