"""Whole comparisons."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

from metarl.cli.common import INTERRUPTED, ActingSplit, console, within, writable
from metarl.cli.compare import Compare, check_baselines, compare_policies
from metarl.errors import UserError
from metarl.evaluation.defaults import ACTING_TASKS, REPORT_AT, Baselines


@dataclass
class Study:
    """Train learners on distributions of tasks with several seeds, evaluate them on unseen tasks, and write a report.

        metarl study maml_robot joint_robot oracle_robot sb3_ppo_robot --tasks pearl-cheetah-dir --seeds 0:3 --steps 2e6

    A run of the same settings that is there is not trained again, one that was stopped goes on: to resume a study,
    start it again. Settings are changed for all by --section.key VALUE.
    """

    configs: Annotated[
        Positional[tuple[str, ...]], arg(help="a config of each learner", metavar="CONFIG...", help_behavior_hint="")
    ]
    tasks: tuple[str, ...] = ()
    """distributions: names of `metarl list tasks`, or configs whose tasks are meant; by default each config's own"""
    seeds: str = "0:3"
    """FROM:TO, the last not counted, or one number"""
    steps: float | None = None
    """environment steps of each training; by default what each config says"""
    jobs: int = 0
    """trainings side by side, each on one core; 0: as many as there are cores"""
    out: Path = Path("study.html")
    """the report"""
    split: ActingSplit = "test"
    """train, test (same ranges, other draws) or ood (outside the ranges)"""
    num_tasks: int = ACTING_TASKS
    """how many unseen tasks"""
    report_at: int = REPORT_AT
    """episodes of adaptation at which all but the curves are reported"""
    baselines: Baselines = "all"
    """what joint training is put beside: itself fine-tuned in each task, learning from scratch there, or neither of
    them; their rates are selected once for all seeds, which takes a while"""
    videos: bool = False
    """put a clip of every learner into the report"""

    def __call__(self, overrides: dict[str, Any]) -> int:
        if not self.configs:
            raise UserError("give at least one config to study")
        if self.steps is not None and not 1 <= self.steps <= 1e12:
            raise UserError(f"--steps is {self.steps:g}, expected 1 to 1e12")
        within("jobs", self.jobs, 0, 1024)
        seeds = _seeds(self.seeds)
        writable(self.out, (".html",))
        options = self._comparison()
        options.check()
        from metarl.evaluation.study import plan_runs
        from metarl.evaluation.study_evaluation import StudyEvaluation
        from metarl.evaluation.study_jobs import run_study
        from metarl.training.placement import usable_cores

        command = shlex.join(["metarl", *sys.argv[1:]])
        planned = plan_runs(self.configs, self.tasks, seeds, self.steps, self.split, overrides)
        check_baselines([p.config for p in planned], self.baselines)
        evaluation = StudyEvaluation(self._words(), options.options(), self.baselines)
        try:
            runs = run_study(planned, evaluation, command, self.jobs or usable_cores(), console)
        except KeyboardInterrupt:
            console.print("stopped; every training is saved, and the same command goes on from there")
            return INTERRUPTED
        return compare_policies(runs, options, command)

    def _comparison(self) -> Compare:
        return Compare(
            (),
            self.split,
            self.num_tasks,
            report_at=self.report_at,
            baselines=self.baselines,
            videos=self.videos,
            out=self.out,
        )

    def _words(self) -> list[str]:
        """How one run is evaluated, as options of `metarl compare`."""
        given = {"split": self.split, "tasks": self.num_tasks, "report-at": self.report_at}
        return [w for k, v in given.items() for w in (f"--{k}", str(v))] + ["--json"]


def _seeds(text: str) -> range:
    parts = text.split(":")
    if len(parts) > 2 or not all(p.isdecimal() for p in parts):
        raise UserError(f"--seeds is {text!r}, expected FROM:TO such as 0:3, or one number")
    first, last = int(parts[0]), int(parts[-1]) + (len(parts) == 1)
    if not 0 <= first < last <= 2**31:
        raise UserError(f"--seeds is {text!r}: there is no seed in it")
    return range(first, last)
