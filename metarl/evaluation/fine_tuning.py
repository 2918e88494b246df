"""Joint training that goes on learning on the episodes of a task: the baseline of every learner that adapts.

How fast it should learn is found on training tasks, for every number of episodes on its own; no other learner is tuned
like this.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch

from agents.baselines.joint import FineTuned, Joint
from agents.learner import Params, device_of
from agents.objectives import clipped_policy_gradient
from metarl.errors import UserError
from metarl.evaluation.adaptation import evaluate_adaptation
from metarl.training.trainer import Trainer

Start = Literal["trained", "scratch"]
RATES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)  # chosen: the smallest leaves a policy that is good already as it is
STEPS = [*((rate, 5) for rate in RATES), *((rate, 1) for rate in RATES[-4:])]  # a small step alone is hardly one
TASKS = 20  # chosen
BATCH = 20  # episodes that are learned from at once
CLIP = 0.2  # Schulman et al. 2017; of several steps on a batch
SEED = 2_000_003  # chosen: far from those of training and of evaluation


class SelectedFineTuning(NamedTuple):
    """The best fine-tuning after so many episodes."""

    theta: Params
    learners: dict[int, FineTuned]

    def __str__(self) -> str:
        said = {k: f"{f.inner_steps} x {f.inner_lr:g}" for k, f in self.learners.items() if k}
        return "steps x rate: " + ", ".join(f"{v} on {k}" for k, v in said.items())


def select_fine_tuning(trainer: Trainer, start: Start, after: Sequence[int]) -> SelectedFineTuning:
    """Gradient steps that reach the highest mean return on training tasks after so many episodes each.

    Raises UserError where the run is of a learner that adapts by itself, or is told the task.
    """
    joint = trainer.learner
    if not isinstance(joint, Joint) or joint.observes_task:
        raise UserError(f"--fine-tune is for joint training: the learner of this run is {trainer.config.learner.kind}")
    generator = torch.Generator().manual_seed(SEED)
    fresh = torch.Generator().manual_seed(SEED + 1 + trainer.config.seed)  # each training has fresh weights of its own
    theta = trainer.state.theta
    if start == "scratch":
        theta = {k: v.to(device_of(theta)) for k, v in joint.init(fresh).items()}
    tasks = trainer.family.sample(TASKS, "train", generator)
    best: dict[int, tuple[float, FineTuned]] = {}
    rng_state = generator.get_state()
    for rate, count in STEPS:
        learner = FineTuned(joint.network, clipped_policy_gradient(CLIP), inner_lr=rate, inner_steps=count)
        learners = dict.fromkeys(after, learner)
        generator.set_state(rng_state)  # the same for all
        results = evaluate_adaptation(learners, theta, trainer.family, tasks, 1, BATCH, trainer.advantage, generator)
        for k, j in results.items():
            reached = j.sampled.nanmean().nan_to_num(-torch.inf).item()
            if k not in best or reached > best[k][0]:
                best[k] = reached, learner
    return SelectedFineTuning(theta, {k: learner for k, (_, learner) in best.items()})
