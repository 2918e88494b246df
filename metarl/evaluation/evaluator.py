"""What every evaluator offers: evaluate a run on unseen tasks, store the result, find it again, and tabulate it.

There is one evaluator for each kind of answers: `metarl.evaluation.evaluators.evaluator_of` chooses it.
"""

from __future__ import annotations

import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.evaluation.defaults import AFTER, REPEATS, SHOTS, SUPERVISED_TASKS, Start, Variant
from metarl.evaluation.progress import Progress, ignore
from metarl.evaluation.text_table import TextTable
from metarl.runs.folder import Run
from metarl.training.build import build_family
from metarl.training.placement import CPU, Placement

log = logging.getLogger(__name__)
MAX_EPISODES = 100_000  # of adaptation; chosen: some days


class Options(NamedTuple):
    """How runs are evaluated. Each evaluator takes what is of its kind of tasks.

    num_tasks: unseen tasks; None for the evaluator's own default. seed: of the tasks and of all that is sampled.
    Of acting learners: after, numbers of adaptation episodes; repeats, adaptations to each task; fine_tune, continue
    joint training in each task; variant, how the policy acts; beside, other variants of the first run, put behind all
    runs; task, numbers that all tasks have; beyond, the only variables that leave their training range in the split
    ood, by default all that can; placement, what simulates and where networks are.
    Of image classifiers: ways, by default 5 and 20, or the one of a learner with a fixed last layer; shots; bn, the
    statistics of batch normalisation, by default the config's; lake, Lake's one-shot trials in place of all these.
    warn: is told of results that could not be stored.
    """

    split: str = "test"
    num_tasks: int | None = None
    seed: int = 0
    after: tuple[int, ...] = AFTER
    repeats: int = REPEATS
    fine_tune: Start | None = None
    variant: Variant = ""
    beside: tuple[Variant, ...] = ()
    placement: Placement = CPU
    ways: tuple[int, ...] = ()
    shots: tuple[int, ...] = SHOTS
    bn: str | None = None
    lake: bool = False
    task: Mapping[str, float] = MappingProxyType({})
    beyond: tuple[str, ...] = ()
    warn: Callable[[str], None] = log.warning

    @property
    def changes_tasks(self) -> bool:
        """Whether tasks are others than those of the split."""
        return bool(self.task or self.beyond)


class Result(Protocol):
    """The result of one evaluation of one run."""

    @property
    def file_name(self) -> str:
        """Its name in the run folder: the same for the same evaluation of the same checkpoint."""

    def to_json(self) -> Any: ...


MAX_TASKS = 1_000_000  # chosen
R = TypeVar("R", bound=Result)


class Evaluator(ABC, Generic[R]):
    """Evaluates runs on the tasks of `config`. A module of `metarl.evaluation` offers a subclass as `EVALUATOR`."""

    num_tasks: ClassVar[int] = SUPERVISED_TASKS  # by default

    def __init__(self, config: Config) -> None:
        self.config = config

    @cached_property
    def family(self) -> Any:
        """The distribution of tasks, simulated on the CPU. Raises UserError where it cannot be built."""
        return build_family(self.config)

    def check(self, runs: Sequence[Run], options: Options) -> None:
        """Raise UserError for options that do not fit, and for runs that cannot be compared with the first of them."""
        self.check_options(options)
        key = self.config.tasks.data_key()
        for run in runs:
            if run.config.tasks.data_key() != key:
                raise UserError(
                    f"{run.name} was trained on other tasks than {runs[0].name}: they cannot be compared, evaluate "
                    "them one at a time"
                )

    @abstractmethod
    def check_options(self, options: Options) -> None:
        """Raise UserError for options that do not fit."""

    def work(self, config: Config, options: Options) -> float:
        """How much `evaluate` of a run with these settings tells in all, in any unit."""
        return 1.0

    def work_before(self, run: Run, options: Options) -> float:
        """How much there is to `prepare`."""
        return 0.0

    def prepare(self, run: Run, options: Options, progress: Progress) -> None:
        """Do once what serves for all runs that differ from this one in their seed alone, where it is not done yet."""

    @abstractmethod
    def evaluate(self, run: Run, options: Options, advance: Callable[[float], None] = ignore) -> R:
        """Evaluate the selected checkpoint of a run; `advance` is told how much more of its `work` is done.

        Raises UserError for a split that the tasks do not have.
        """

    def search_options(self, split: str, seed: int) -> Options:
        """How a candidate of a search of hyper-parameters is evaluated: as it was trained."""
        return Options(split, seed=seed)

    @abstractmethod
    def score(self, result: R) -> float:
        """A result in one number, larger for a better learner; NaN where there is none."""

    @abstractmethod
    def find_stored(self, run: Run, options: Options) -> R | None:
        """The result of the same evaluation of the same checkpoint, where it was stored before."""

    @abstractmethod
    def tables(self, results: Sequence[R]) -> list[TextTable]:
        """The first result with the others beside it."""

    def to_json(self, results: Sequence[R]) -> Any:
        """The same as JSON."""
        return [result.to_json() for result in results]

    def store(self, run: Run, result: R, warn: Callable[[str], None] = log.warning) -> Path:
        """Write a result into its run folder, atomically; the same evaluation gives the same file.

        `warn` is told where it cannot be written: the result itself is there.
        """
        path = run.path / result.file_name
        try:
            run.write(result.file_name, json.dumps(result.to_json(), indent=1, allow_nan=False))
        except OSError as error:
            warn(f"{path} could not be stored: {error.strerror or error}")
        return path

    def evaluate_all(self, runs: Sequence[Run], options: Options, progress: Progress | None = None) -> list[R]:
        """Evaluate and store every run, all but the first without fine-tuning; behind them variants of the first."""
        progress = progress or Progress()
        everyone = [(run, options._replace(fine_tune=None) if i else options) for i, run in enumerate(runs)]
        everyone += [(runs[0], options._replace(variant=variant)) for variant in options.beside]
        progress.expect(sum(self.work(run.config, wanted) for run, wanted in everyone))
        progress.expect(self.work_before(runs[0], options))
        self.prepare(runs[0], options, progress)
        return [self._evaluated(run, wanted, progress) for run, wanted in everyone]

    def stored_or_evaluated(self, run: Run, options: Options, progress: Progress | None = None) -> R:
        """The stored result, or else a new one, which is stored."""
        result = self.find_stored(run, options)
        return self._evaluated(run, options, progress or Progress()) if result is None else result

    def _evaluated(self, run: Run, options: Options, progress: Progress) -> R:
        progress.begin(f"evaluating {run.name}")
        result = self.evaluate(run, options, progress.advance)
        if not run.has_other_tasks and not options.changes_tasks:
            self.store(run, result, options.warn)
        return result


class SupervisedEvaluator(Evaluator[R]):
    """Evaluates learners on tasks with labels, which are not simulated."""

    def check_options(self, options: Options) -> None:
        if options.fine_tune is not None:
            raise UserError("--fine-tune is for robots: of supervised tasks give --learner.test_steps in training")
        if options.num_tasks is not None and options.num_tasks < 2:
            raise UserError(f"--tasks is {options.num_tasks}, expected at least 2: one task has no interval")
        if options.num_tasks is not None and options.num_tasks > MAX_TASKS:
            raise UserError(f"--tasks is {options.num_tasks}, expected at most {MAX_TASKS:,}")

    def count(self, options: Options) -> int:
        """How many tasks."""
        return options.num_tasks or self.num_tasks
