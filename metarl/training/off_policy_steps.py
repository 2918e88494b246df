"""What outer steps with a replay share: theta, Adam's steps on it, slow copies, and the state of all of them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from agents.baselines.sac import TARGETS
from agents.learner import Params, device_of
from envs.rng import seeded
from metarl.config.loggers import Metrics
from metarl.config.outer_settings import OuterContext
from metarl.errors import UserError
from metarl.runs.checkpoint.checks import REPLAY
from metarl.training.optimizer_state import load_optimizer, optimizer_state
from metarl.training.replay import Replay
from metarl.training.sources import Seed
from metarl.training.task_replay import TaskReplay


class OffPolicySteps:
    """An iteration collects its experience itself, between updates.

    It depends on theta, Adam's state, the replay and its seed alone, so that a training resumes bit-exactly.
    Parameters that come out infinite or NaN are left there; metrics say `skipped`.
    """

    replay: Replay | TaskReplay

    def __init__(self, context: OuterContext, outer_lr: float) -> None:
        if context.ranks.count > 1:
            raise UserError("an off-policy learner is trained by one process: start `metarl train` without torchrun")
        self.family: Any = context.family
        if getattr(self.family, "full_action", 1.0) != 1.0:
            raise UserError("an off-policy learner has actions in [-1, 1]: give tasks.action_scale 1.0")
        self.parameters = {
            k: v.detach().clone().requires_grad_(not k.startswith(TARGETS)) for k, v in context.theta.items()
        }
        self.device = device_of(self.parameters)
        # numbered as in theta; `fused` takes one kernel for all of them
        self.adam = torch.optim.Adam([*self.parameters.values()], outer_lr, fused=True)

    @property
    def theta(self) -> Params:
        return {k: v.detach() for k, v in self.parameters.items()}

    @torch.no_grad()
    def assign(self, changes: Params) -> None:
        for k, v in changes.items():
            self.parameters[k].copy_(v)

    def state(self) -> Params:
        return optimizer_state(self.adam) | self.replay.state()

    def load(self, state: Params) -> None:
        own = {k: v for k, v in state.items() if not k.startswith(REPLAY)}
        load_optimizer(self.adam, own)
        if f"{REPLAY}rows" in state:
            self.replay.load(state)

    def step(self, data: Seed) -> Metrics:
        before, adam = {k: v.clone() for k, v in self.theta.items()}, optimizer_state(self.adam)
        generator = torch.Generator().manual_seed(data.seed)
        on_device = seeded(int(torch.randint(2**62, (), generator=generator)), self.device, generator)
        metrics = self.collect_and_learn(on_device, generator)
        if not all(v.isfinite().all() for v in self.parameters.values()):
            self.assign(before)
            load_optimizer(self.adam, adam)
            return metrics | {"skipped": 1.0}
        return metrics

    def collect_and_learn(self, rng: torch.Generator, of_tasks: torch.Generator) -> Metrics:
        """An iteration. rng: on the device. of_tasks: on the CPU, of the choice of tasks."""
        raise NotImplementedError

    def update(self, learner: Any, batch: Any) -> Tensor:
        """One step of everything that learns; the loss before it."""
        loss: Tensor = learner.loss(self.parameters, batch)
        self.adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        self.adam.step()
        self.assign(learner.after_step(self.theta))
        return loss.detach()
