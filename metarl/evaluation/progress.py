"""How far a long command is: a bar with the time left on a terminal, a line now and then without one."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from metarl.system.published import publish
from metarl.training.progress import span

EVERY = 10.0  # s between two lines in a pipe; chosen
SOON = 2.0  # s to the first of them, if some work is done by then: what is quick or refused says nothing; chosen
COLUMNS = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())


def ignore(amount: float) -> None:
    """What is told of work that nobody waits for."""


class Progress:
    """Counts work, in whatever unit; by itself it shows nothing."""

    def __init__(self) -> None:
        self.label, self.done, self.total = "", 0.0, 0.0

    @property
    def fraction(self) -> float:
        """Of the work that is done."""
        return min(self.done / self.total, 1.0) if self.total else 0.0

    def expect(self, amount: float) -> None:
        """There is so much more to do."""
        self.total += amount

    def begin(self, label: str) -> None:
        """What is done from now on."""
        self.label = label
        self._show(is_new=True)

    def advance(self, amount: float) -> None:
        """So much more is done."""
        self.done += amount
        self._show()

    def reach(self, done: float, label: str) -> None:
        """So much is done in all, and several things are going on."""
        self.done, self.label = done, label
        self._show()

    def _show(self, *, is_new: bool = False) -> None:
        """Show where it is; is_new: it has begun with something else."""


class ProgressDisplay(Progress):
    """Shows it on a console, and to the process that started this one."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console
        self.bar = Bar(*COLUMNS, console=console, transient=True) if console.is_terminal else None
        self.began = self.told = time.perf_counter()
        self.has_told = False

    def __enter__(self) -> Self:
        if self.bar:
            self.bar.start()
            self.task = self.bar.add_task("")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar:
            self.bar.stop()

    def say(self, text: str) -> None:
        """A line that stays, above the bar."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _show(self, *, is_new: bool = False) -> None:
        publish(self.fraction)
        if self.bar:
            self.bar.update(self.task, description=self.label, completed=self.done, total=self.total or None)
        elif time.perf_counter() - self.told > (EVERY if is_new or self.has_told else SOON):
            self.told, self.has_told = time.perf_counter(), True
            self.say(self._line())

    def _line(self) -> str:
        elapsed = time.perf_counter() - self.began
        left = f"  left {span(elapsed / self.fraction * (1 - self.fraction))}" if self.fraction else ""
        return f"{self.label}: {100 * self.fraction:.0f} %{left}"
