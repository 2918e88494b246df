"""Evaluate a run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from tyro.conf import arg

from metarl.cli.common import PICTURES, RunArg, Split, console, positive, task_parameters, within, writable
from metarl.cli.images import images_from
from metarl.cli.progress import progress_display
from metarl.errors import UserError, refused_by_system
from metarl.evaluation.defaults import ACTING_TASKS, AFTER, REPEATS, SHOTS, SUPERVISED_TASKS, Start, Variant
from metarl.runs.folder import Run

if TYPE_CHECKING:
    from metarl.evaluation.evaluator import Options


@dataclass
class Evaluate:
    """Return on unseen tasks after several numbers of episodes of adaptation; accuracy of runs on images.

        metarl evaluate RUN --split ood                outside of the ranges of training
        metarl evaluate RUN --split ood --beyond friction   with this variable alone outside of its range
        metarl evaluate RUN --tasks.horizon 1000       on other tasks than in training: any of their settings
        metarl evaluate RUN --tasks.physics default    in another simulation
        metarl evaluate RUN --task.NAME VALUE          on tasks that have this number in common, of policies

    What is judged on other tasks is shown and not stored.
    """

    run: RunArg
    split: Split = "test"
    """train, test (same ranges, other draws), ood (outside the ranges); of images train, validation or test"""
    tasks: Annotated[
        int | None,
        arg(
            help=f"how many tasks; by default {ACTING_TASKS}, or {SUPERVISED_TASKS} few-shot ones",
            help_behavior_hint="",
        ),
    ] = None
    beyond: tuple[str, ...] = ()
    """of policies, with --split ood: the only variables outside of their ranges; by default all that can be"""
    after: tuple[int, ...] = AFTER
    """of policies: episodes of adaptation after which it is evaluated; as many as in training are always among them"""
    repeats: int = REPEATS
    """of policies: adaptations to each task, each evaluated on an episode of its own"""
    fine_tune: Start | None = None
    """of joint training: let it go on learning in each task, from its weights or from fresh ones"""
    teacher: bool = False
    """of RMA: beside it, the same policy told the true task by its teacher: what better adaptation could still gain"""
    memory_off: bool = False
    """of learners with a memory: beside it, the same policy with a fresh memory at every step: what it is worth"""
    seed: int = 0
    """of the tasks and of the episodes"""
    simulator: Literal["auto", "cpu", "gpu"] = "cpu"
    """of policies: what simulates, whatever the run was trained on; compare takes what cpu gave"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """of policies: where networks are"""
    against: tuple[str, ...] = ()
    """other runs to put beside it on the same tasks, such as an oracle"""
    ways: tuple[int, ...] = ()
    """of few-shot runs: classes of a task; by default 5 and 20, or as many as the run's last layer has"""
    shots: tuple[int, ...] = SHOTS
    """of few-shot runs: support drawings of a class"""
    bn: Literal["transductive", "support", "support+1", "running"] | None = None
    """of few-shot runs: which statistics normalise, by default the config's"""
    data: Path | None = None
    """of images: where the folder of your own lies now, or packed Omniglot, by default METARL_DATA or the cache"""
    lake: bool = False
    """of few-shot runs on Omniglot: Lake's 400 one-shot trials within an alphabet, instead of --ways and --shots"""
    out: Path | None = None
    """of policies: the picture to write: png, svg or pdf; by default adaptation.png in the run's folder"""
    json: bool = False
    """print JSON instead of a table"""
    given: ClassVar[frozenset[str]] = frozenset()  # the options of the command line; set by `metarl.cli.parsing`

    def __call__(self, overrides: dict[str, Any]) -> int:
        positive(tasks=1 if self.tasks is None else self.tasks, repeats=self.repeats)
        within("seed", self.seed, 0, 2**31 - 1)
        from metarl.evaluation.applicability import check_options_apply
        from metarl.evaluation.evaluators import evaluator_of
        from metarl.evaluation.other_tasks import on_other_tasks
        from metarl.runs import folder as runs

        task = task_parameters({key: value for key, value in overrides.items() if key.startswith("task.")})
        other = {key: value for key, value in overrides.items() if not key.startswith("task.")}
        run, *others = [on_other_tasks(runs.find(name), other) for name in (self.run, *self.against)]
        if self.beyond and self.split != "ood":
            raise UserError(f"--beyond is for --split ood, and the split is {self.split}")
        check_options_apply([*self.given, *(["task.NAME"] if task else [])], run.name, run.config)
        images_from(self.data, run.config)
        problems: list[str] = []
        evaluator = evaluator_of(run.config, self.lake)
        options = self._options(run)._replace(warn=problems.append, task=task, beyond=self.beyond)
        evaluator.check([run, *others], options)
        if self.out is not None:
            if run.config.tasks.is_supervised:
                raise UserError("--out is for runs that act: of this one there is a table and no picture")
            writable(self.out, PICTURES)
        with progress_display() as progress:
            results = evaluator.evaluate_all([run, *others], options, progress)
        acts, changed = not run.config.tasks.is_supervised, run.has_other_tasks or options.changes_tasks
        written = [run.path / results[0].file_name] if acts and not changed else []
        if acts and (self.out is not None or not changed):
            try:
                written += self._plot(run, evaluator.family, results)
            except OSError as error:
                problems.append(refused_by_system(error))
        if self.json:
            print(json.dumps(evaluator.to_json(results), indent=1))
        else:
            for table in evaluator.tables(results):
                console.print(table.to_terminal())
            for path in filter(Path.is_file, written):
                console.print(f"wrote {path}", soft_wrap=True)
        if problems:
            raise UserError(problems[0])
        return 0

    @property
    def _variants(self) -> tuple[Variant, ...]:
        wanted: dict[Variant, bool] = {"teacher": self.teacher, "memory_off": self.memory_off}
        return tuple(variant for variant, is_wanted in wanted.items() if is_wanted)

    def _options(self, run: Run) -> Options:
        from metarl.evaluation.evaluator import Options
        from metarl.training.placement import CPU, place

        supervised = run.config.tasks.is_supervised
        return Options(
            self.split,
            self.tasks,
            self.seed,
            self.after,
            self.repeats,
            self.fine_tune,
            "",
            self._variants,
            CPU if supervised else place(run.config, self.simulator, self.device),
            self.ways,
            self.shots,
            self.bn,
            self.lake,
        )

    def _plot(self, run: Run, family: Any, results: list[Any]) -> list[Path]:
        """Draw the adaptation curves into the run folder; of legged robots also success by ground, and what follows a
        change within the episode.
        """
        from metarl.evaluation.recovery import has_events
        from metarl.reporting.plots import plot_adaptation
        from metarl.reporting.plots.recovery import plot_recovery
        from metarl.reporting.plots.success import difficulty_of, plot_success

        kind = ("" if self.split == "ood" else f"_{self.split}") + ("_best" if run.best else "")
        path = self.out or run.path / f"adaptation{kind}.png"
        plot_adaptation(family, results[0], results[1:], path)
        known = [result for result in results if result.tasks == results[0].tasks and result.results]
        written = [path]
        if name := difficulty_of(results[0]):
            written.append(path.with_name(f"{path.stem}_success{path.suffix}"))
            plot_success(known, name, written[-1])
        if has_events(results[0]):
            written.append(path.with_name(f"{path.stem}_recovery{path.suffix}"))
            plot_recovery([result for result in known if has_events(result)], written[-1])
        return written
