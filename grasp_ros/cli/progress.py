# SPDX-License-Identifier: Apache-2.0
"""What long commands show while they run: bars on a terminal, a line now and then in a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Report = Callable[[str, int, int], None]
"""report(stage, done, total)"""

LINE_EVERY = 5.0  # s

console = Console()


@contextmanager
def bars(log: Path | None = None) -> Iterator[Report]:
    """A function report(stage, done, total) that shows how far each stage is.

    log: a file that gets lines, too, whatever the terminal shows.
    """
    if log is None:
        with _shown() as report:
            yield report
        return
    with log.open('a') as file, _shown() as report:
        written = lines(file.write, file.flush)

        def both(stage: str, done: int, total: int) -> None:
            report(stage, done, total)
            written(stage, done, total)

        yield both


@contextmanager
def _shown() -> Iterator[Report]:
    if not console.is_terminal:
        yield lines(lambda text: console.out(text, end=''), console.file.flush)
        return
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        tasks = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=total)
            progress.update(tasks[stage], completed=done, total=total)

        yield report


def lines(
    write: Callable[[str], object],
    flush: Callable[[], object] = lambda: None,
    clock: Callable[[], float] = time.monotonic,
) -> Report:
    """A report that writes a line when a stage begins, every LINE_EVERY s, and when it ends."""
    began: dict[str, float] = {}
    written: dict[str, float] = {}
    ended: set[str] = set()

    def report(stage: str, done: int, total: int) -> None:
        now = clock()
        first = stage not in began
        began.setdefault(stage, now)
        if stage in ended or (not first and done < total and now - written[stage] < LINE_EVERY):
            return
        written[stage] = now
        spent, share = now - began[stage], done / max(total, 1)
        if done >= total:
            ended.add(stage)
            rest = f'{spent:.0f} s'
        else:
            rest = f'{spent * (1 - share) / share:.0f} s left' if share and spent else ''
        write(f'{stage}: {done} of {total} ({100 * share:.0f} %) {rest}'.rstrip() + '\n')
        flush()

    return report
