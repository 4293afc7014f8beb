"""What the demo shows: every lead, how fast it was, and one lead from its receipt to now."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import quantiles
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from services.commands.demo.play import Lead, Played
from services.commands.run import DATA, PORT

WIDTH = 116  # of what is written to a file or a pipe
GATES = {
    "open_cap": "at open cap",
    "hour_cap": "at hourly cap",
    "day_cap": "at daily cap",
    "week_cap": "at weekly cap",
    "month_cap": "at monthly cap",
    "off_hours": "off hours",
    "absent": "on leave",
    "holiday": "on holiday",
    "paused": "paused",
}


def make_console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)


def show(played: Played, console: Console, data: Path) -> None:
    console.print(leads_table(played.leads))
    console.print(speed_line(played.leads), highlight=False)
    console.print()
    console.print(f"[bold]The life of one lead[/], {name_of(played.shown)} ({played.shown['lead_id']}):", highlight=False)
    console.print(timeline(played.shown))
    console.print(farewell(data))


def leads_table(leads: Sequence[Lead]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for header in ("lead", "source"):
        table.add_column(header, no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("agent", no_wrap=True)
    table.add_column("why", ratio=1)
    table.add_column("ms", justify="right", no_wrap=True)
    for lead in leads:
        table.add_row(*_row(lead))
    return table


def _row(lead: Lead) -> tuple[RenderableType, ...]:
    score = lead["score"]
    seconds = lead["durations"]["received_to_assigned"]
    return (
        Text(name_of(lead)),
        Text(lead["source"]),
        Text(f"{score['points']} {score['grade']}"),
        _agent(lead),
        Text(why(lead)),
        Text("" if seconds is None else f"{seconds * 1000:,.0f}"),
    )


def name_of(lead: Lead) -> str:
    contact = lead["contact"]
    parts = (contact.get("first_name"), contact.get("last_name"))
    return contact.get("name") or " ".join(filter(None, parts)) or contact.get("email") or contact["phone"]


def _agent(lead: Lead) -> Text:
    if lead["owner"]:
        return Text(lead["owner"]["agent_name"])
    return Text("waits", "yellow") if lead["routing"] == "queued" else Text("not routed", "dim")


def why(lead: Lead) -> str:
    """The router's decision in short; the whole sentence is in the timeline."""
    if lead["routing"] == "rejected":
        return f"{lead['score']['qualification']} leads are not routed"
    queued = _said(lead, "LeadQueued")
    decided = _said(lead, "LeadAssigned") or queued or {}
    chosen = f"{decided.get('rule') or 'no rule matched'} → {decided['pool']}"
    if lead["routing"] == "queued":
        return f"{chosen}: {_stopped(decided['gates'])}"
    return f"{chosen}, after a wait" if queued else chosen


def _said(lead: Lead, type_: str) -> Mapping[str, Any] | None:
    return next((entry["data"] for entry in lead["timeline"] if entry["type"] == type_), None)


def _stopped(gates: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {GATES.get(gate, gate)}" for gate, count in gates.items()) or "others wait before it"


def speed_line(leads: Sequence[Lead]) -> str:
    """Quantiles of those that were given out at once: how long the others waited is up to their agents."""
    given = [lead for lead in leads if lead["durations"]["received_to_assigned"] is not None]
    at_once = [lead["durations"]["received_to_assigned"] * 1000 for lead in given if not _said(lead, "LeadQueued")]
    if len(at_once) < 2:
        return "Too few leads were assigned at once to tell quantiles from."
    cuts = quantiles(at_once, n=100, method="inclusive")
    waited = f"; {len(given) - len(at_once)} waited for a free agent first" if len(given) > len(at_once) else ""
    times = f"[bold]p50 {cuts[49]:.0f} ms, p99 {cuts[98]:.0f} ms[/]"
    return f"Receipt to assignment: {times} (n = {len(at_once)}, sent in one burst{waited})"


def timeline(lead: Lead) -> Table:
    table = Table.grid(padding=(0, 2))
    for _ in range(2):
        table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    for entry in lead["timeline"]:
        table.add_row(Text(f"  {entry['at'][11:23]}", "dim"), entry["service"], Text(entry["summary"]))
    return table


def farewell(data: Path) -> Text:
    """How to go on, with commands that can be pasted as they stand."""
    python, here = _python(), f"http://127.0.0.1:{PORT}"
    folder = "" if data == DATA else f" --data {data}"
    run = "make run" if data == DATA else f"{python} -m services run{folder}"
    lines = [
        "",
        f"Start it again with these leads: {run}",
        f"  leads          {here}/v1/leads",
        f"  one lead       {here}/v1/leads/LEAD_ID",
        f"  report         {here}/v1/reports/counts?by=source&by=stage",
        f"  the interface  {here}/openapi.json",
        "With a token:",
        f"  TOKEN=$({python} -m services token --role admin{folder})",
        f'  curl -H "Authorization: Bearer $TOKEN" "{here}/v1/leads?limit=5"',
    ]
    return Text("\n".join(lines), no_wrap=True, overflow="ignore")


def _python() -> str:
    """This interpreter, as short as it can be written here."""
    used = Path(sys.executable)
    return str(used.relative_to(Path.cwd())) if used.is_relative_to(Path.cwd()) else str(used)
