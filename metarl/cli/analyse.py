"""What is inside a meta-gradient, and inside a memory."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from tyro.conf import Positional, arg

from metarl.cli.common import PICTURES, console, no_overrides, positive, within, writable
from metarl.cli.images import images_from
from metarl.errors import UserError
from metarl.evaluation.text_table import TextTable

MOST_BATCHES = 10  # of a task: the work grows with their cube
TASKS, LATENT_TASKS, FEWEST_TASKS = 16, 200, 20  # chosen


@dataclass
class Analyse:
    """Look inside: meta-gradients beside their Taylor law (Nichol et al. 2018), memories beside the true task.

        metarl analyse gradients maml_sinusoid                  at a config's initial weights
        metarl analyse gradients runs/maml_sinusoid --steps 4   at a run's newest ones, k = 4
        metarl analyse estimators                               estimators of a policy gradient's derivative
        metarl analyse latent varibad_robot                     what a run's memory knows of unseen tasks, by step

    The tables are printed, and drawn into a picture. Gradients tell MAML, FOMAML and Reptile apart.
    """

    what: Annotated[
        Positional[Literal["gradients", "estimators", "latent"]],
        arg(
            help="gradients: meta-gradients of one network; estimators: of policy gradients, on small processes; "
            "latent: what a memory knows of the task"
        ),
    ]
    subject: Annotated[
        Positional[str],
        arg(
            help="of gradients: a config's name or path, or a run's folder; of latent: a run",
            metavar="[CONFIG_OR_RUN]",
            help_behavior_hint="",
        ),
    ] = ""
    steps: int = 2
    """k: batches of a task; the first k - 1 are descended, MAML's outer loss is that of the last"""
    alphas: tuple[float, ...] = ()
    """inner rates; by default twelve from 3e-7 to 0.1 of |A| / |B|, where the law's two terms are equally long"""
    tasks: int | None = None
    """training tasks to average over, by default 16; of estimators, random processes; of latent, 200 unseen tasks"""
    seed: int = 0
    """of the tasks"""
    json: bool = False
    """print JSON instead of tables"""
    out: Path | None = None
    """the picture to write: png, svg or pdf; by default gradients.png, estimators.png or latent.png"""
    data: Path | None = None
    """of images: where the folder of your own lies now, or packed Omniglot, by default METARL_DATA or the cache"""
    given: ClassVar[frozenset[str]] = frozenset()  # the options of the command line; set by `metarl.cli.parsing`

    def __call__(self, overrides: dict[str, Any]) -> int:
        usual = LATENT_TASKS if self.what == "latent" else TASKS
        tasks = usual if self.tasks is None else self.tasks
        positive(tasks=tasks)
        within("steps", self.steps, 2, MOST_BATCHES)
        within("seed", self.seed, 0, 2**31 - 1)
        out = self.out or Path(f"{self.what}.png")
        writable(out, PICTURES)
        if self.what == "estimators":
            return self._estimators(tasks, out, overrides)
        if self.what == "latent":
            return self._latent(tasks, out, overrides)
        if not self.subject:
            raise UserError("analyse gradients needs a config or a run (see `metarl list configs`)")
        different = set(self.alphas)
        if self.alphas and (len(different) < 2 or not all(math.isfinite(a) and a > 0 for a in different)):
            given = " ".join(f"{a:g}" for a in self.alphas)
            raise UserError(f"--alphas is {given}, expected two or more different rates above 0")
        from metarl.analysis import gradient_tables
        from metarl.analysis.gradients import analyse
        from metarl.analysis.subjects import find_subject
        from metarl.reporting.plots import plot_gradients

        subject = find_subject(self.subject, overrides)
        images_from(self.data, subject.config)
        with console.status("differentiating"):
            analysis = analyse(subject, self.steps, self.alphas, tasks, self.seed)
        self._tell(analysis.to_json(), gradient_tables.tables(analysis), out, lambda: plot_gradients(analysis, out))
        return 0

    def _estimators(self, tasks: int, out: Path, overrides: dict[str, Any]) -> int:
        no_overrides(overrides)
        own = "analyse estimators has small decision processes of its own"
        if self.subject or self.alphas:
            raise UserError(f"{own}: leave out the config and --alphas")
        for option in {"steps", "data"} & self.given:
            raise UserError(f"{own}: leave out --{option}")
        from metarl.analysis import estimators
        from metarl.reporting.plots import plot_estimators

        with console.status("enumerating every episode"):
            errors = estimators.measure(tasks, self.seed)
        self._tell(errors.to_json(), estimators.tables(errors), out, lambda: plot_estimators(errors, out))
        return 0

    def _latent(self, tasks: int, out: Path, overrides: dict[str, Any]) -> int:
        no_overrides(overrides)
        if not self.subject:
            raise UserError("analyse latent needs a run (see `metarl list runs`)")
        for option in {"steps", "alphas", "data"} & self.given:
            raise UserError(f"--{option} is for analyse gradients: leave it out")
        if tasks < FEWEST_TASKS:
            raise UserError(f"--tasks is {tasks}, expected at least {FEWEST_TASKS}: a probe is fitted on as many")
        from metarl.analysis import latent
        from metarl.reporting.plots import plot_latent
        from metarl.runs import folder as runs

        with console.status("acting in training and unseen tasks"):
            analysis = latent.analyse_latent(runs.find(self.subject), tasks, self.seed)
        self._tell(analysis.to_json(), latent.tables(analysis), out, lambda: plot_latent(analysis, out))
        return 0

    def _tell(self, as_json: Any, tables: list[TextTable], out: Path, draw: Callable[[], None]) -> None:
        """Print the result, then draw it, which a full disk may prevent."""
        if self.json:
            print(json.dumps(as_json, indent=1))
        else:
            for table in tables:
                console.print(table.to_terminal())
        draw()
        if not self.json:
            console.print(f"wrote {out}", soft_wrap=True)
