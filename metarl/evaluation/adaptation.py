"""The evaluator of acting learners: return on unseen tasks after 0, 1, 2, 3, 5, 10, 20 adaptation episodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from envs.core import TaskDistribution
from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.evaluation import fine_tuning
from metarl.evaluation.adaptation_curve import AdaptationResult, evaluate_adaptation
from metarl.evaluation.adaptation_evaluation import PROTOCOL, TUNED_PROTOCOL, Evaluation
from metarl.evaluation.adaptation_plan import after_of, episodes_of, plan_of
from metarl.evaluation.adaptation_tables import adaptation_table, summary
from metarl.evaluation.counted import Counted
from metarl.evaluation.defaults import ACTING_TASKS, Start, Variant
from metarl.evaluation.evaluator import MAX_EPISODES, Evaluator, Options
from metarl.evaluation.fine_tuning import Selected
from metarl.evaluation.progress import Progress, ignore
from metarl.evaluation.sampling import sample_tasks, seeded
from metarl.evaluation.stored import read_results
from metarl.evaluation.text_table import TextTable
from metarl.evaluation.tuning import Tunings, tuning_of
from metarl.runs import checkpoint
from metarl.runs.folder import Run
from metarl.training.build import build_learner
from metarl.training.estimate import check_tasks
from metarl.training.make import load_trainer


class AdaptationEvaluator(Evaluator[Evaluation]):
    """Evaluates policies by the return on unseen tasks before and after adaptation."""

    num_tasks = ACTING_TASKS

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.tunings = Tunings()

    def check_options(self, options: Options) -> None:
        if options.num_tasks is not None and options.num_tasks < 1:
            raise UserError(f"--tasks is {options.num_tasks}, expected at least 1")
        if options.repeats < 1:
            raise UserError(f"--repeats is {options.repeats}, expected at least 1")
        if 0 not in options.after or min(options.after) < 0 or max(options.after) > MAX_EPISODES:
            raise UserError(f"--after expects 0 and numbers of episodes up to {MAX_EPISODES}")

    def check(self, runs: Sequence[Run], options: Options) -> None:
        super().check(runs, options)
        learner, name = build_learner(runs[0].config, self.family), display_name(runs[0].config)
        if "teacher" in options.beside and not getattr(learner, "informed", 0.0):
            raise UserError(f"--teacher is for learners that have one, such as rma: {runs[0].name} is of {name}")
        if "memory_off" in options.beside and not learner.is_recurrent:
            raise UserError(f"--memory-off is for learners with a memory, such as gru: {runs[0].name} is of {name}")

    def work(self, config: Config, options: Options) -> float:
        """Control steps, as if no episode ended early."""
        learner = build_learner(config, self.family)
        episodes = episodes_of(learner, after_of(learner, config, options), options.repeats)
        return float((options.num_tasks or self.num_tasks) * episodes * self.family.horizon)

    def work_before(self, run: Run, options: Options) -> float:
        """Control steps of selecting the fine-tuning, where that was not done before."""
        if options.fine_tune is None or self._selected(run, options, options.fine_tune) is not None:
            return 0.0
        return self.selection_work(run.config, options)

    def selection_work(self, config: Config, options: Options) -> float:
        """Control steps of selecting the fine-tuning."""
        return float(fine_tuning.selection_steps(self._after(config, options), self.family.horizon))

    def prepare(self, run: Run, options: Options, progress: Progress) -> None:
        """Select the fine-tuning on this run, where that was not done before on one that differs in its seed alone."""
        start = options.fine_tune
        if start is None or self._selected(run, options, start) is not None:
            return
        progress.begin(f"tuning {display_name(run.config, start)} on {run.name}")
        trainer, tuning = load_trainer(run, options.placement), tuning_of(run, start, options.placement.simulator)
        self.tunings.select(run, tuning, self._after(run.config, options), trainer, progress.advance)

    def _selected(self, run: Run, options: Options, start: Start) -> Selected | None:
        tuning = tuning_of(run, start, options.placement.simulator)
        return self.tunings.find(run, tuning, self._after(run.config, options))

    def _after(self, config: Config, options: Options) -> tuple[int, ...]:
        return after_of(build_learner(config, self.family), config, options)

    def evaluate(self, run: Run, options: Options, advance: Callable[[float], None] = ignore) -> Evaluation:
        """Returns after each of `options.after` adaptation episodes, on unseen tasks.

        The number of adaptation episodes in training is always among them; a learner that does not adapt has only 0.
        Fine-tuning is selected first where that was not done before; `advance` is told nothing of that.
        """
        self.prepare(run, options, Progress())
        trainer, generator = load_trainer(run, options.placement), seeded(options.seed)
        count = options.num_tasks or self.num_tasks
        world = getattr(trainer.family, "world_bytes", 0.0)
        check_tasks(count, options.repeats, trainer.family.horizon, trainer.family.space, world)
        tasks = sample_tasks(trainer.family, count, options.split, generator, options.task, options.beyond)
        selected = {} if options.fine_tune is None else self._selected(run, options, options.fine_tune)
        plan = plan_of(trainer, options, selected or {})
        curve = evaluate_adaptation(
            plan.learners,
            plan.theta,
            cast(TaskDistribution, Counted(trainer.family, advance)),
            tasks,
            options.repeats,
            plan.batch,
            trainer.advantage,
            generator,
        )
        from_scratch = options.fine_tune == "scratch"
        return Evaluation(
            run.name,
            display_name(run.config, options.fine_tune, options.variant),
            options.split,
            options.seed,
            options.repeats,
            trainer.iteration,
            0 if from_scratch else trainer.env_steps,
            0.0 if from_scratch else round(trainer.seconds / 60, 2),
            tasks.to_json(),
            tuple(plan.learners),
            plan.trained_after,
            **_arrays(list(curve.values())),
            chosen=plan.chosen,
            protocol=_protocol(options),
            simulator=options.placement.simulator,
            variant=options.variant,
        )

    def search_options(self, split: str, seed: int) -> Options:
        """Only after as many adaptation episodes as in training, which `evaluate` adds."""
        return Options(split, seed=seed, after=(0,))

    def score(self, result: Evaluation) -> float:
        """The mean return after as many adaptation episodes as in training, of sampled actions."""
        returns = result.returns[result.adapted]
        return float("nan") if np.isnan(returns).all() else float(np.nanmean(returns))

    def find_stored(self, run: Run, options: Options) -> Evaluation | None:
        """A stored result that has at least the wanted numbers of adaptation episodes, cut down to these.

        Only results that were simulated on the CPU are found: those that are compared all come from there.
        """
        wanted = {
            "split": options.split,
            "seed": options.seed,
            "repeats": options.repeats,
            "protocol": _protocol(options),
            "simulator": "cpu",
            "variant": options.variant,
            "iteration": checkpoint.selected_iteration(run),
        }
        name = display_name(run.config, options.fine_tune, options.variant)
        count, after = options.num_tasks or self.num_tasks, set(self._after(run.config, options))
        for stored in read_results(run, rf"evaluation_{options.split}_.*\.json", Evaluation.from_json):
            same = all(getattr(stored, k) == v for k, v in wanted.items()) and len(stored.tasks) == count
            same &= fine_tuning.start_of(stored.learner) == options.fine_tune
            if not same or not set(self.family.descriptor_names) <= stored.tasks[0].keys():
                continue
            stored = stored._replace(run=run.name, learner=name)  # which an earlier version may have called otherwise
            if after <= set(stored.after):
                return stored.only_after(after)
        return None

    def tables(self, results: Sequence[Evaluation]) -> list[TextTable]:
        return [adaptation_table(self.family, results[0], results[1:])]

    def to_json(self, results: Sequence[Evaluation]) -> dict[str, Any]:
        return summary(self.family, results[0], results[1:])


EVALUATOR = AdaptationEvaluator


def display_name(config: Config, fine_tune: Start | None = None, variant: Variant = "") -> str:
    """How tables call a learner, a variant of it, or what fine-tuning makes of it."""
    if fine_tune is not None:
        return fine_tuning.DISPLAY_NAMES[fine_tune]
    name = config.learner.display_name(config.tasks.answers)
    return name + {"": "", "teacher": ", its teacher acting", "memory_off": ", memory off"}[variant]


def _protocol(options: Options) -> int:
    return PROTOCOL if options.fine_tune is None else TUNED_PROTOCOL


def _arrays(curve: list[AdaptationResult]) -> dict[str, Any]:
    """The means over repeats as fields of an `Evaluation`."""
    return {
        "returns": np.stack([_mean_of_repeats(r.sampled) for r in curve]),
        "greedy": np.stack([_mean_of_repeats(r.greedy) for r in curve]),
        "adapting_ms": tuple(round(1e3 * r.seconds, 3) for r in curve),
        "diverged": float(np.mean([r.diverged for r in curve])),
        "results": {k: np.stack([_mean_of_repeats(r.results[k]) for r in curve]) for k in curve[0].results},
    }


def _mean_of_repeats(returns: Tensor) -> NDArray[np.float64]:
    """[N, R] -> [N]."""
    return np.asarray(returns.nanmean(1).double())
