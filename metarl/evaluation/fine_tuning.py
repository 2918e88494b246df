"""Joint training continued on the episodes of a task: the baseline of every learner that adapts.

The rate and the number of gradient steps are selected on training tasks, for every number of episodes on its own; no
other learner is tuned like this. `metarl.evaluation.tuning` keeps what was selected.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

import torch

from agents.baselines.joint import FineTuned, Joint
from agents.learner import Params, device_of
from agents.objectives import clipped_policy_gradient
from envs.core import TaskDistribution
from metarl.errors import UserError
from metarl.evaluation.counted import Counted
from metarl.evaluation.defaults import Start
from metarl.evaluation.fine_tuning_search import BATCH, EVALUATED, Search, by_task, collect, generator_of
from metarl.evaluation.progress import ignore
from metarl.evaluation.sampling import FINE_TUNING_SEED
from metarl.training.policies import AdaptedPolicy
from metarl.training.trainer import Trainer

RATES = (1e-4, 1e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)  # chosen: the smallest leaves a good policy as it is
STEPS = [*((rate, 5) for rate in RATES), *((rate, 1) for rate in RATES[-4:])]  # one small step changes hardly anything
NUM_TASKS = 20  # chosen
CLIP = 0.2  # Schulman et al. 2017; of several steps on a batch
DISPLAY_NAMES: dict[Start, str] = {"trained": "joint training, fine-tuned", "scratch": "from scratch"}
STARTS: dict[str, Start] = {
    "joint, fine-tuned": "trained",  # its name in version 0.11
    **{name: start for start, name in DISPLAY_NAMES.items()},
}

Selected = dict[int, tuple[float, int]]
"""Adaptation episodes -> the rate and the number of gradient steps on each batch of them."""


class SelectedFineTuning(NamedTuple):
    """The best fine-tuning for each number of adaptation episodes."""

    theta: Params
    learners: dict[int, FineTuned]

    def __str__(self) -> str:
        selected = {k: f"{f.inner_steps} x {f.inner_lr:g}" for k, f in self.learners.items() if k}
        return "steps x rate: " + ", ".join(f"{v} on {k}" for k, v in selected.items())


def start_of(learner: str) -> Start | None:
    """From which weights the fine-tuning of this name starts; None for any other learner."""
    return STARTS.get(learner)


def select_fine_tuning(trainer: Trainer, start: Start, after: Sequence[int]) -> SelectedFineTuning:
    """Fine-tuning of a run with what `select` selects on it."""
    return fine_tuned(trainer, start, select(trainer, start, after), after)


def fine_tuned(trainer: Trainer, start: Start, selected: Selected, after: Sequence[int]) -> SelectedFineTuning:
    """A run's policy, or fresh weights of its own, with what was selected for each number of adaptation episodes."""
    joint = _joint_of(trainer)
    theta = trainer.theta if start == "trained" else _fresh(joint, trainer, 1 + trainer.config.seed)
    return SelectedFineTuning(theta, {k: _learner(joint, *selected.get(k, STEPS[0])) for k in after})


def select(trainer: Trainer, start: Start, after: Sequence[int], advance: Callable[[float], None] = ignore) -> Selected:
    """The gradient steps that reach the highest mean return on training tasks after so many adaptation episodes.

    What is selected for one number of episodes does not depend on the others; from fresh weights it is the same for
    every run with such a network. advance: is told the control steps that were simulated. Raises UserError where the
    run is not one of joint training.
    """
    joint, wanted = _joint_of(trainer), sorted({k for k in after if k})
    if not wanted:
        return {}
    search = _search(joint, trainer, start, advance)
    best: dict[int, tuple[float, tuple[float, int]]] = {}
    for steps in STEPS:
        for k, mean_return in search.returns(_learner(joint, *steps), wanted).items():
            if k not in best or mean_return > best[k][0]:
                best[k] = mean_return, steps
    return {k: steps for k, (_, steps) in best.items()}


def selection_steps(after: Sequence[int], horizon: int) -> int:
    """Control steps of `select`."""
    wanted = {k for k in after if k}
    if not wanted:
        return 0
    later = max(max(wanted) - BATCH, 0)  # episodes of the batches behind the first
    return NUM_TASKS * horizon * (BATCH + len(STEPS) * (EVALUATED * len(wanted) + later))


def _search(joint: Joint, trainer: Trainer, start: Start, advance: Callable[[float], None]) -> Search:
    theta = trainer.theta if start == "trained" else _fresh(joint, trainer, 0)
    family = cast(TaskDistribution, Counted(trainer.family, advance))
    tasks = family.sample(NUM_TASKS, "train", generator_of(0))
    policy = AdaptedPolicy(joint, theta, by_task(joint.initial_state(theta), tasks), None)
    return Search(family, tasks, theta, trainer.advantage, collect(family, tasks, policy, BATCH, 2))


def _joint_of(trainer: Trainer) -> Joint:
    settings = trainer.config.learner
    if settings.baseline != "joint":
        raise UserError(f"--fine-tune is for joint training: the learner of this run is {settings.kind}")
    return cast(Joint, trainer.learner)


def _learner(joint: Joint, rate: float, count: int) -> FineTuned:
    parts = (joint.network, joint.critic, joint.inputs, joint.outer)
    return FineTuned(*parts, inner=clipped_policy_gradient(CLIP), inner_lr=rate, inner_steps=count)


def _fresh(joint: Joint, trainer: Trainer, number: int) -> Params:
    """Weights that nothing has trained; 0 are those on which rates are selected, others belong to a run each."""
    fresh = torch.Generator().manual_seed(FINE_TUNING_SEED + number)
    return {k: v.to(device_of(trainer.theta)) for k, v in joint.init(fresh).items()}
