"""Run a search: candidate after candidate in this process, or in several beside each other."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack

from rich.console import Console

from envs.wording import count_of
from metarl.errors import UserError
from metarl.evaluation.processes import Process, interruptible, start_process, stop_all
from metarl.evaluation.progress import ProgressDisplay
from metarl.evaluation.search import Search
from metarl.evaluation.search_table import finished_trials
from metarl.evaluation.search_trial import run_candidate

PAUSE = 0.5  # s between two looks at the processes
STOPPED = 4  # exit code of a process that was stopped and saved


def search_here(search: Search, count: int, console: Console) -> bool:
    """Work in this process until there are `count` candidates; False where it was stopped and saved."""
    while True:
        with search.claim(count) as claim:
            if claim is None:
                return True
            chosen = search.plan.values(claim.trial.params)
            told = ", ".join(
                f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in chosen.items()
            )
            begun = "" if claim.is_new else "resumed, "
            console.print(f"candidate {claim.trial.number}: {begun}{told}", soft_wrap=True)
            outcome = run_candidate(search, claim)
            if outcome is None:
                return False
        best = finished_trials(search)[:1]
        leads = f"; best {best[0].value:z.4g} of candidate {best[0].number}" if best else ""
        console.print(f"candidate {claim.trial.number}: {outcome}{leads}", soft_wrap=True)


def search_beside(search: Search, count: int, jobs: int, words: Sequence[str], console: Console) -> None:
    """The same in `jobs` processes that are started with these words, and save and stop where this one is stopped.

    Raises UserError where one ends in any other way than it should.
    """
    with ExitStack() as stack, interruptible(), ProgressDisplay(console) as display:
        processes: list[Process] = []
        stack.callback(lambda: stop_all(p for p in processes if p.poll() is None))
        for i in range(jobs):
            log = stack.enter_context((search.plan.folder / f"log_{i + 1}.txt").open("ab"))
            processes.append(start_process(words, log))
        display.expect(count)
        while any(p.poll() is None for p in processes):
            done = [t for t in search.trials() if t.state.is_finished()]
            best = finished_trials(search)[:1]
            leads = f", best {best[0].value:z.4g}" if best else ""
            display.reach(len(done), f"{count_of(len(done), 'candidate')} of {count}{leads}")
            _check(search, processes)
            time.sleep(PAUSE)
        _check(search, processes)


def _check(search: Search, processes: Sequence[Process]) -> None:
    for i, process in enumerate(processes):
        if process.poll() not in (None, 0):
            path = search.plan.folder / f"log_{i + 1}.txt"
            last = path.read_text(errors="replace").strip().splitlines()[-1:] or ["its log is empty"]
            raise UserError(f"a process of the search ended with exit code {process.returncode}: {last[0]}")
