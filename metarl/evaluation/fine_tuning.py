"""Joint training continued on the episodes of a task: the baseline of every learner that adapts.

The rate and the number of gradient steps are selected on training tasks, for every number of episodes on its own; no
other learner is tuned like this.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch

from agents.baselines.joint import FineTuned, Joint
from agents.learner import Params, device_of
from agents.objectives import clipped_policy_gradient
from metarl.errors import UserError
from metarl.evaluation.adaptation_curve import evaluate_adaptation
from metarl.evaluation.evaluator import Start
from metarl.evaluation.sampling import FINE_TUNING_SEED
from metarl.training.trainer import Trainer

RATES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)  # chosen: the smallest leaves a policy that is good already as it is
STEPS = [*((rate, 5) for rate in RATES), *((rate, 1) for rate in RATES[-4:])]  # one small step changes hardly anything
NUM_TASKS = 20  # chosen
BATCH = 20  # episodes of one batch of gradient steps
CLIP = 0.2  # Schulman et al. 2017; of several steps on a batch
DISPLAY_NAMES: dict[Start, str] = {"trained": "joint, fine-tuned", "scratch": "from scratch"}


class SelectedFineTuning(NamedTuple):
    """The best fine-tuning for each number of adaptation episodes."""

    theta: Params
    learners: dict[int, FineTuned]

    def __str__(self) -> str:
        selected = {k: f"{f.inner_steps} x {f.inner_lr:g}" for k, f in self.learners.items() if k}
        return "steps x rate: " + ", ".join(f"{v} on {k}" for k, v in selected.items())


def select_fine_tuning(trainer: Trainer, start: Start, after: Sequence[int]) -> SelectedFineTuning:
    """The gradient steps that reach the highest mean return on training tasks after so many adaptation episodes.

    Raises UserError where the run is not one of joint training, whose learner is to be a `Joint`.
    """
    settings = trainer.config.learner
    if settings.baseline != "joint":
        raise UserError(f"--fine-tune is for joint training: the learner of this run is {settings.kind}")
    joint = cast(Joint, trainer.learner)
    generator = torch.Generator().manual_seed(FINE_TUNING_SEED)
    theta = trainer.theta
    if start == "scratch":  # each training has fresh weights of its own
        fresh = torch.Generator().manual_seed(FINE_TUNING_SEED + 1 + trainer.config.seed)
        theta = {k: v.to(device_of(theta)) for k, v in joint.init(fresh).items()}
    tasks = trainer.family.sample(NUM_TASKS, "train", generator)
    best: dict[int, tuple[float, FineTuned]] = {}
    rng_state = generator.get_state()
    for rate, count in STEPS:
        learner = FineTuned(joint.network, clipped_policy_gradient(CLIP), inner_lr=rate, inner_steps=count)
        learners = dict.fromkeys(after, learner)
        generator.set_state(rng_state)  # the same for all
        results = evaluate_adaptation(learners, theta, trainer.family, tasks, 1, BATCH, trainer.advantage, generator)
        for k, result in results.items():
            mean_return = result.sampled.nanmean().nan_to_num(-torch.inf).item()
            if k not in best or mean_return > best[k][0]:
                best[k] = mean_return, learner
    return SelectedFineTuning(theta, {k: learner for k, (_, learner) in best.items()})
