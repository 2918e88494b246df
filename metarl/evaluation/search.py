"""A search of hyper-parameters: its candidates, kept in a journal that several processes share (Optuna).

    runs/tune_<config>/journal.log        every candidate: what was chosen, how its training went, its score
    runs/tune_<config>/<id>/              the run of a candidate

What a candidate is chosen by is never from the test split: `split_of` says what it is.
"""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from metarl.config import files as settings
from metarl.config.experiment import Config, without_placement
from metarl.errors import UserError
from metarl.evaluation.search_space import Variable
from metarl.evaluation.study import steps_of_an_iteration
from metarl.runs import folder as runs
from metarl.runs import lock
from metarl.runs.folder import Run
from metarl.training.build import build_family

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial, Trial

JOURNAL = "journal.log"
WAIT = 60.0  # s for another process that chooses a candidate, which takes milliseconds; chosen
STARTUP = 10  # candidates that are drawn at random before the sampler learns from them: Optuna's default
MIN_FOR_IMPORTANCE = 10  # candidates with a score; chosen
SEED_STEP = 10_007  # chosen: between the random numbers of searches with seeds next to each other


class Plan(NamedTuple):
    """What is searched.

    steps: the budget of every candidate, in environment steps, or tasks of supervised ones; command: what started it.
    """

    name: str
    config: Path
    overrides: dict[str, Any]
    space: list[Variable]
    steps: float
    seed: int
    prunes: bool
    command: str

    @property
    def folder(self) -> Path:
        return runs.ROOT / self.name

    def config_of(self, chosen: dict[str, Any]) -> Config:
        """A candidate's config, with as many iterations as its budget pays for. Raises UserError where it is none."""
        changes = self.overrides | chosen
        per_iteration = steps_per_iteration(settings.load(self.config, changes))
        return settings.load(self.config, changes | {"train.iterations": max(math.ceil(self.steps / per_iteration), 1)})

    def values(self, drawn: dict[str, Any]) -> dict[str, Any]:
        """Settings that Optuna drew, by key."""
        return {v.key: v.value(drawn[v.key]) for v in self.space}

    @property
    def key(self) -> dict[str, Any]:
        """What makes it the same search when it is started again."""
        base = without_placement(settings.load(self.config, self.overrides))
        return {"config": base, "space": [[*map(repr, v)] for v in self.space], "steps": self.steps}


def steps_per_iteration(config: Config) -> int:
    """Environment steps of an iteration; of supervised tasks, tasks."""
    return config.train.num_tasks if config.tasks.is_supervised else steps_of_an_iteration(config, "train")


def split_of(config: Config) -> str:
    """On which tasks candidates are scored: `validation` where there are such, else training tasks of other draws."""
    return "validation" if "validation" in build_family(config).splits() else "train"


class Claim(NamedTuple):
    """A candidate that this process works on: its run is locked."""

    trial: Trial
    run: Run
    is_new: bool


class Search:
    """The journal of a search. Raises UserError where its folder is that of another search, or cannot be written."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        try:
            plan.folder.mkdir(parents=True, exist_ok=True)
            with lock.locked(plan.folder, WAIT):
                self.study = _study(plan)
        except OSError as error:
            raise UserError(f"{plan.folder} could not be written: {error.strerror}") from None

    def trials(self) -> list[FrozenTrial]:
        """All candidates so far that had a run, or that the config refused."""
        found = self.study.get_trials(deepcopy=False)
        return [t for t in found if t.user_attrs.keys() & {"run", "problem"}]

    def run_of(self, trial: FrozenTrial) -> Run:
        return Run(self.plan.folder / Path(trial.user_attrs["run"]).name)

    @contextmanager
    def claim(self, count: int) -> Iterator[Claim | None]:
        """A candidate whose process ended before its end, or a new one; None where there are `count` already."""
        with ExitStack() as held:
            with lock.locked(self.plan.folder, WAIT):
                claimed = self._left_behind(held) or self._new(count, held)
            yield claimed

    def _left_behind(self, held: ExitStack) -> Claim | None:
        from optuna.trial import Trial, TrialState

        for frozen in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if "run" not in frozen.user_attrs:  # its process ended before there was anything
                self.study.tell(frozen.number, state=TrialState.FAIL)
                continue
            run = self.run_of(frozen)
            with suppress(UserError):  # another process works on it
                held.enter_context(run.locked())
                return Claim(Trial(self.study, frozen._trial_id), run, is_new=False)
        return None

    def _new(self, count: int, held: ExitStack) -> Claim | None:
        """A candidate that the config takes; those that it refuses count too, so that this ends."""
        from optuna.trial import TrialState

        while (number := len(self.trials())) < count:
            self.study.sampler = _sampler(self.plan.seed * SEED_STEP + number)
            trial = self.study.ask({v.key: v.distribution() for v in self.plan.space})
            try:
                config = self.plan.config_of(self.plan.values(trial.params))
            except UserError as error:
                trial.set_user_attr("problem", str(error))
                self.study.tell(trial, state=TrialState.FAIL)
                continue
            run = runs.create(self.plan.name, config, self.plan.command)
            held.enter_context(run.locked())
            trial.set_user_attr("run", run.path.name)
            return Claim(trial, run, is_new=True)
        return None


def _sampler(seed: int) -> Any:
    """A sampler for one candidate: the same candidates again, also of a search that was stopped in between."""
    from optuna.samplers import TPESampler

    return TPESampler(n_startup_trials=STARTUP, seed=seed)


def _study(plan: Plan) -> Study:
    """The study in the journal, made where there is none."""
    import optuna
    from optuna.pruners import MedianPruner, NopPruner
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    class Lock(JournalFileOpenLock):
        """Optuna's, whose file may be impossible to remove."""

        def release(self) -> None:
            try:
                super().release()
            except RuntimeError as error:
                cause = error.__context__
                number = cause.errno if isinstance(cause, OSError) and cause.errno else errno.EIO
                raise OSError(number, os.strerror(number), path) from None

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = str(plan.folder / JOURNAL)
    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(path, lock_obj=Lock(path))),
        pruner=MedianPruner(n_startup_trials=5, n_warmup_steps=5) if plan.prunes else NopPruner(),
        study_name="search",
        direction="maximize",
        load_if_exists=True,
    )
    if study.user_attrs.get("key", plan.key) != plan.key:
        raise UserError(f"{plan.folder} holds another search, of other settings or another space: give --name")
    study.set_user_attr("key", plan.key)
    return study


def importances(search: Search) -> dict[str, float]:
    """The share of each setting in the differences of scores (PED-ANOVA); nothing where there are too few scores."""
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    scores = [t.value for t in search.trials() if t.state.name == "COMPLETE"]
    if len(search.plan.space) < 2 or len(scores) < MIN_FOR_IMPORTANCE or len(set(scores)) < 2:
        return {}
    return dict(get_param_importances(search.study, evaluator=PedAnovaImportanceEvaluator()))
