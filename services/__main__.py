"""python -m services: the command line. Without a command: everything on this machine, as `run`."""

from __future__ import annotations

import sys

import typer

from services.commands import deadletters, demo, export, keys, migrate, policy_test, run, token
from shared.errors import HandoffError

app = typer.Typer(
    help="Handoff, an event-driven lead router. Without a command, runs all four services on this machine (see: run --help).",
    invoke_without_command=True,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("run")(run.run)
app.command("demo")(demo.demo)
app.command("migrate")(migrate.migrate)
app.command("token")(token.token)
app.command("export")(export.export)
app.command("policy-test")(policy_test.policy_test)
app.add_typer(keys.app, name="keys")
app.add_typer(deadletters.app, name="deadletters")


@app.callback()
def default(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        context.invoke(run.run, data=run.DATA, host="127.0.0.1", port=run.PORT)


def main() -> None:
    try:
        app()
    except HandoffError as error:
        sys.stderr.write(f"handoff: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
