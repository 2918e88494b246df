"""The evaluator of acting learners: return on unseen tasks after 0, 1, 2, 3, 5, 10, 20 adaptation episodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from agents.learner import Learner, Params
from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.evaluation import fine_tuning
from metarl.evaluation.adaptation_curve import AdaptationResult, evaluate_adaptation
from metarl.evaluation.adaptation_evaluation import PROTOCOL, Evaluation
from metarl.evaluation.adaptation_tables import adaptation_table, summary
from metarl.evaluation.evaluator import MAX_EPISODES, Evaluator, Options, Start
from metarl.evaluation.sampling import sample_tasks, seeded
from metarl.evaluation.stored import read_results
from metarl.evaluation.text_table import TextTable
from metarl.runs import checkpoint
from metarl.runs.folder import Run
from metarl.training.estimate import check_tasks
from metarl.training.make import load_trainer
from metarl.training.policies import episodes_a_round
from metarl.training.trainer import Trainer


class AdaptationEvaluator(Evaluator[Evaluation]):
    """Evaluates policies by the return on unseen tasks before and after adaptation."""

    num_tasks = 40

    def check_options(self, options: Options) -> None:
        if options.num_tasks is not None and options.num_tasks < 1:
            raise UserError(f"--tasks is {options.num_tasks}, expected at least 1")
        if options.repeats < 1:
            raise UserError(f"--repeats is {options.repeats}, expected at least 1")
        if 0 not in options.after or min(options.after) < 0 or max(options.after) > MAX_EPISODES:
            raise UserError(f"--after expects 0 and numbers of episodes up to {MAX_EPISODES}")

    def evaluate(self, run: Run, options: Options) -> Evaluation:
        """Returns after each of `options.after` adaptation episodes, on unseen tasks.

        The number of adaptation episodes in training is always among them; a learner that does not adapt has only 0.
        """
        trainer, generator = load_trainer(run, options.placement), seeded(options.seed)
        count = options.num_tasks or self.num_tasks
        check_tasks(count, options.repeats, trainer.family.horizon, trainer.family.space)
        tasks = sample_tasks(trainer.family, count, options.split, generator)
        plan = _plan(trainer, options)
        curve = evaluate_adaptation(
            plan.learners,
            plan.theta,
            trainer.family,
            tasks,
            options.repeats,
            plan.batch,
            trainer.advantage,
            generator,
        )
        from_scratch = options.fine_tune == "scratch"
        return Evaluation(
            run.name,
            display_name(run.config, options.fine_tune),
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
            simulator=options.placement.simulator,
        )

    def find_stored(self, run: Run, options: Options) -> Evaluation | None:
        """A stored result that has at least the wanted numbers of adaptation episodes, cut down to these.

        Only results that were simulated on the CPU are found: those that are compared all come from there.
        """
        wanted = {
            "split": options.split,
            "seed": options.seed,
            "repeats": options.repeats,
            "learner": display_name(run.config, options.fine_tune),
            "protocol": PROTOCOL,
            "simulator": "cpu",
            "iteration": checkpoint.selected_iteration(run),
        }
        count = options.num_tasks or self.num_tasks
        for stored in read_results(run, rf"evaluation_{options.split}_.*\.json", Evaluation.from_json):
            same = all(getattr(stored, k) == v for k, v in wanted.items()) and len(stored.tasks) == count
            if not same or not set(self.family.descriptor_names) <= stored.tasks[0].keys():
                continue
            if stored.after == (0,):
                return stored._replace(run=run.name)
            if set(options.after) <= set(stored.after):
                return stored._replace(run=run.name).only_after({*options.after, stored.trained_after})
        return None

    def tables(self, results: Sequence[Evaluation]) -> list[TextTable]:
        return [adaptation_table(self.family, results[0], results[1:])]

    def to_json(self, results: Sequence[Evaluation]) -> dict[str, Any]:
        return summary(self.family, results[0], results[1:])


EVALUATOR = AdaptationEvaluator


def display_name(config: Config, fine_tune: Start | None = None) -> str:
    """How tables call a learner, or what fine-tuning makes of it."""
    return config.learner.display_name if fine_tune is None else fine_tuning.DISPLAY_NAMES[fine_tune]


class _Plan(NamedTuple):
    """Which learner adapts on how many episodes, `batch` a round."""

    learners: dict[int, Learner[Any]]
    theta: Params
    batch: int
    trained_after: int
    chosen: str


def _plan(trainer: Trainer, options: Options) -> _Plan:
    learner, batch = trainer.learner, trainer.config.train.episodes
    trained_after = learner.rounds * episodes_a_round(learner, batch)
    adapts = bool(learner.rounds or learner.is_recurrent or options.fine_tune)
    after = tuple(sorted({*options.after, trained_after} if adapts else {0}))
    if options.fine_tune is None:
        return _Plan(dict.fromkeys(after, learner), trainer.theta, batch, trained_after, "")
    best = fine_tuning.select_fine_tuning(trainer, options.fine_tune, after)
    return _Plan(dict(best.learners), best.theta, fine_tuning.BATCH, max(after), str(best))


def _arrays(curve: list[AdaptationResult]) -> dict[str, Any]:
    """The means over repeats as fields of an `Evaluation`."""
    return {
        "returns": np.stack([_mean_of_repeats(r.sampled) for r in curve]),
        "greedy": np.stack([_mean_of_repeats(r.greedy) for r in curve]),
        "adapting_ms": tuple(round(1e3 * r.seconds, 3) for r in curve),
        "diverged": float(np.mean([r.diverged for r in curve])),
    }


def _mean_of_repeats(returns: Tensor) -> NDArray[np.float64]:
    """[N, R] -> [N]."""
    return np.asarray(returns.nanmean(1).double())
