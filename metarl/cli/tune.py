"""Searching hyper-parameters."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from metarl.cli.common import INTERRUPTED, console, within
from metarl.cli.images import images_from
from metarl.config import files as settings
from metarl.config.loggers import check_installed
from metarl.errors import UserError
from metarl.runs.names import name_of_config
from metarl.system.files import atomic_write

if TYPE_CHECKING:
    from metarl.evaluation.search import Plan, Search


@dataclass
class Tune:
    """Search hyper-parameters: candidates are drawn from a space, trained, and scored on tasks that are no test tasks.

        metarl tune maml_point --space space.yaml --trials 50

    The space is a YAML file of settings, each with bounds or choices:

        outer.outer_lr: {low: 1.0e-4, high: 1.0e-2, log: true}
        policy.hidden: {choices: [[64, 64], [100, 100]]}

    Ctrl-C saves; the same command goes on, and started twice it works twice as fast. Other settings are changed for
    all candidates by --section.key VALUE.
    """

    config: Annotated[Positional[str], arg(help="a shipped config's name, or a path", metavar="CONFIG")]
    space: Path
    """the file that says what is searched"""
    trials: int = 50
    """candidates in all, those of earlier calls included"""
    steps: float | None = None
    """environment steps of each training, tasks of supervised ones; by default what the config says"""
    jobs: int = 0
    """candidates side by side, each on one core; 0: as many as there are cores"""
    seed: int = 0
    """of the candidates that are drawn; that of their trainings is the config's"""
    prune: bool = True
    """give a training up where it is below the median of those before it"""
    name: str = ""
    """of the folder below runs/; by default tune_CONFIG"""
    data: Path | None = None
    """of images: the folder of your own, or packed Omniglot, by default METARL_DATA or the cache (see `metarl data`)"""

    def __call__(self, overrides: dict[str, Any]) -> int:
        within("trials", self.trials, 1, 100_000)
        within("jobs", self.jobs, 0, 1024)
        within("seed", self.seed, 0, 2**31 - 1)
        if self.steps is not None and not 1 <= self.steps <= 1e12:
            raise UserError(f"--steps is {self.steps:g}, expected 1 to 1e12")
        if find_spec("optuna") is None:
            raise UserError("optuna is not installed: pip install -e '.[tune]'")
        from metarl.evaluation.search import Search
        from metarl.evaluation.search_jobs import search_beside, search_here
        from metarl.training.placement import usable_cores

        jobs, plan = self.jobs or usable_cores(), self._plan(overrides)
        search = Search(plan)
        console.print(f"{plan.folder}: {len(search.trials())} of {self.trials} candidates so far", soft_wrap=True)
        try:
            if jobs > 1:
                words = self._words({"train.num_threads": 1} | overrides)
                search_beside(search, self.trials, min(jobs, self.trials), [*words, "--jobs", "1"], console)
            elif not search_here(search, self.trials, console):
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            console.print("stopped; every training is saved, and the same command goes on from there")
            return INTERRUPTED
        _report(search, name_of_config(plan.config))
        return 0

    def _plan(self, overrides: dict[str, Any]) -> Plan:
        """Raises UserError for a space or settings that do not fit."""
        from metarl.evaluation.search import Plan, steps_per_iteration
        from metarl.evaluation.search_space import read_space

        path = settings.find(self.config)
        config = settings.load(path, overrides)
        images_from(self.data, config)
        check_installed(config.train.logger)
        space = read_space(self.space, path, overrides)
        steps = self.steps or config.train.iterations * steps_per_iteration(config)
        name, command = self.name or f"tune_{name_of_config(path)}", shlex.join(["metarl", *self._words(overrides)])
        return Plan(name, path, overrides, space, steps, self.seed, self.prune, command)

    def _words(self, overrides: dict[str, Any]) -> list[str]:
        """The command line of this search, without --jobs."""
        given = {"space": self.space, "trials": self.trials, "steps": self.steps, "seed": self.seed}
        given |= {"name": self.name or None, "data": self.data} | {k: json.dumps(v) for k, v in overrides.items()}
        words = [word for name, value in given.items() if value is not None for word in (f"--{name}", str(value))]
        return ["tune", self.config, *words, *([] if self.prune else ["--no-prune"])]


def _report(search: Search, name: str) -> None:
    """Print what was found, and write it beside the candidates: table, picture, and the best config."""
    from metarl.evaluation.search import importances
    from metarl.evaluation.search_table import best_trial, finished_trials, search_table
    from metarl.reporting.plots.search import Scores, plot_search

    plan, table, best = search.plan, search_table(search), best_trial(search)
    console.print(table.to_terminal())
    finished = {t.number: t.value or 0.0 for t in sorted(finished_trials(search), key=lambda t: t.number)}
    given_up = [t.number for t in search.trials() if t.state.name == "PRUNED"]
    config = settings.dump(plan.config_of(plan.values(best.params)))
    about = f"# Best of {len(search.trials())} candidates, score {best.value:z.4g}: {plan.command}\n"
    paths = {"config": plan.folder / f"{name}_tuned.yaml", "table": plan.folder / "search.md"}
    atomic_write(paths["config"], about + config)
    atomic_write(paths["table"], f"{table.to_markdown()}\n    {plan.command}\n")
    plot_search(Scores(finished, given_up), importances(search), plan.name, plan.folder / "search.png")
    console.print(f"wrote {plan.folder}/search.md and search.png; train the best one with other seeds:", soft_wrap=True)
    console.print(f"metarl train {shlex.quote(str(paths['config']))} --seed 1", soft_wrap=True)
