"""What the demo is doing, for whoever looks on: a live line in a terminal, and one line a finished step everywhere."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from services.commands.demo.interface import DemoFailed
from shared.errors import HandoffError

Advance = Callable[[], None]


class Steps:
    def __init__(self, console: Console) -> None:
        self._console = console

    @contextlib.contextmanager
    def step(self, title: str, *, total: int | None = None) -> Iterator[Advance]:
        """Shows the step while it lasts. Raises DemoFailed that names it, for what it is known to fail of."""
        with self._progress(counted=total is not None) as progress:
            task = progress.add_task(title, total=total)
            try:
                yield lambda: progress.advance(task)
            except (HandoffError, OSError, msgspec.MsgspecError) as error:
                raise DemoFailed(f"this step failed: {title}\n  {error}") from error
            seconds = progress.tasks[0].elapsed or 0.0
        self._console.print(f"[green]done[/]  {title}  [dim]{seconds:.1f} s[/]", highlight=False)

    def _progress(self, *, counted: bool) -> Progress:
        count = [BarColumn(bar_width=24), MofNCompleteColumn()] if counted else []
        columns = (SpinnerColumn(), TextColumn("{task.description}"), *count, TimeElapsedColumn())
        return Progress(*columns, console=self._console, transient=True, disable=not self._console.is_terminal)
