"""Which learner of a run is evaluated after how many adaptation episodes, and how much work that is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple, cast

from agents.learner import Learner, Params, RecurrentLearner
from agents.memory.forgetful import Forgetful
from metarl.config.experiment import Config
from metarl.evaluation import fine_tuning
from metarl.evaluation.defaults import Variant
from metarl.evaluation.evaluator import Options
from metarl.evaluation.fine_tuning import Selected
from metarl.evaluation.fine_tuning_search import BATCH
from metarl.training.policies import episodes_a_round
from metarl.training.trainer import Trainer

EVALUATED = 2  # episodes after each adaptation: one of sampled and one of greedy actions


class Plan(NamedTuple):
    """Which learner adapts on how many episodes, `batch` a round."""

    learners: dict[int, Learner[Any]]
    theta: Params
    batch: int
    trained_after: int
    chosen: str


def plan_of(trainer: Trainer, options: Options, selected: Selected) -> Plan:
    """selected: what fine-tuning does after each number of episodes, where that is asked for."""
    learner, batch = trainer.learner, trainer.config.train.episodes
    after = after_of(learner, trainer.config, options)
    if options.fine_tune is None:
        trained = trained_after(learner, trainer.config)
        return Plan(dict.fromkeys(after, _acting(learner, options.variant)), trainer.theta, batch, trained, "")
    best = fine_tuning.fine_tuned(trainer, options.fine_tune, selected, after)
    return Plan(dict(best.learners), best.theta, BATCH, max(after), str(best))


def _acting(learner: Learner[Any], variant: Variant) -> Learner[Any]:
    if variant == "teacher":
        return cast(Learner[Any], replace(cast(Any, learner), informed=1.0))
    return Forgetful(cast(RecurrentLearner, learner)) if variant == "memory_off" else learner


def trained_after(learner: Learner[Any], config: Config) -> int:
    """Adaptation episodes in training."""
    return int(learner.rounds * episodes_a_round(learner, config.train.episodes))


def after_of(learner: Learner[Any], config: Config, options: Options) -> tuple[int, ...]:
    """The numbers of adaptation episodes; only 0 for a learner that does not adapt."""
    adapts = bool(learner.rounds or learner.is_recurrent or options.fine_tune)
    return tuple(sorted({*options.after, trained_after(learner, config)} if adapts else {0}))


def episodes_of(learner: Learner[Any], after: tuple[int, ...], repeats: int) -> int:
    """Episodes of every task that an evaluation simulates."""
    if learner.is_recurrent:  # whole trials, half of them greedy
        return EVALUATED * repeats * (max(after) + 1)
    return repeats * sum(k + EVALUATED for k in after)
