"""How far a check has come, shown on a terminal: the problem, how many there are, calls, and the time that is left."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgverify.checking.isolation.whereabouts import Whereabouts


@contextlib.contextmanager
def check_progress() -> Iterator[Callable[[Whereabouts], None] | None]:
    """Yield what to tell where a check is; None where nobody looks."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[calls]} calls,"),
        TimeElapsedColumn(),
        TextColumn("gone, left"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False) as bars:
        task = bars.add_task("starting", total=None, calls=0)

        def listener(where: Whereabouts) -> None:
            done = max(where.number - 1, 0)
            text = f"problem {where.problem}" if where.calls else where.doing.name.lower()
            bars.update(task, description=text, completed=done, total=where.of or None, calls=where.calls)

        yield listener
