"""Progress of a training: a live display on a terminal, plain lines in a pipe."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from envs.wording import count_of, millions
from metarl.config.loggers import Metrics
from metarl.system.published import publish

EVERY = 1.0  # s between two lines in a pipe
PUBLISHED_EVERY = 0.2  # s; for the process that started this one


def span(seconds: float) -> str:
    """Seconds as h:mm:ss."""
    minutes, s = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{s:02d}"


class TrainingDisplay:
    """Iteration, time left, speed, shares of time, return before and after adaptation."""

    def __init__(self, title: str, iterations: int, start: int, console: Console) -> None:
        self.title, self.iterations, self.start, self.console = title, iterations, start, console
        self.began = self.printed = self.published = time.perf_counter()
        self.live = Live(console=console, transient=False) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self.live:
            self.live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.live:
            self.live.__exit__(kind, error, trace)

    def update(self, metrics: Metrics) -> None:
        done = int(metrics["iteration"])
        if done == self.iterations or time.perf_counter() - self.published > PUBLISHED_EVERY:
            self.published = time.perf_counter()
            publish(done / self.iterations)
        elapsed = time.perf_counter() - self.began
        left = elapsed / max(done - self.start, 1) * (self.iterations - done)
        if self.live:
            self.live.update(self._table(metrics, done, left))
        elif done in (self.start + 1, self.iterations) or time.perf_counter() - self.printed > EVERY:
            self.printed = time.perf_counter()
            self.console.print(self._line(metrics, done, left), highlight=False, soft_wrap=True)

    def _line(self, m: Metrics, done: int, left: float) -> str:
        what = "steps" if "return_before" in m else "examples"
        return (
            f"iteration {done}/{self.iterations}  left {span(left)}  {millions(m['env_steps'])} M {what}  "
            f"{m['steps_per_second']:,.0f} {what}/s  ({self._shares(m)})  {self._returns(m)}"
        )

    def _table(self, m: Metrics, done: int, left: float) -> Table:
        table = Table.grid(padding=(0, 2))
        table.title, table.title_justify = self.title, "left"
        table.add_row("iteration", f"{done}/{self.iterations}", ProgressBar(self.iterations, done, width=40))
        table.add_row("time left", span(left))
        what = "env-steps" if "return_before" in m else "examples"
        table.add_row("throughput", f"{m['steps_per_second']:,.0f} {what}/s", self._shares(m))
        table.add_row(what, f"{millions(m['env_steps'])} M")
        table.add_row("learning", self._returns(m))
        if "diverged" in m:
            table.add_row("diverged", count_of(int(m["diverged"]), "world"))
        return table

    @staticmethod
    def _shares(m: Metrics) -> str:
        parts = [key.removeprefix("share_") for key in m if key.startswith("share_")]
        return ", ".join(f"{part} {100 * m[f'share_{part}']:.0f} %" for part in parts)

    @staticmethod
    def _returns(m: Metrics) -> str:
        if "return_before" not in m:
            return f"loss {m['loss']:z.3f}" if "loss" in m else "step skipped"
        if "return_after" not in m:
            return f"return {m['return_before']:z.1f}"
        return f"return {m['return_before']:z.1f} before, {m['return_after']:z.1f} after adaptation"
