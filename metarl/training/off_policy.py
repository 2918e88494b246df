"""Off-policy training as an outer step: collect in batched worlds and learn from a replay, in turn."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from agents.baselines.sac import SAC, TARGETS, OffPolicyData
from agents.distributions import sample
from agents.learner import Params, device_of
from envs.rng import normal, seeded, uniform
from metarl.config.loggers import Metrics
from metarl.config.outer_settings import OuterContext
from metarl.errors import UserError
from metarl.runs.checkpoint.checks import REPLAY
from metarl.training.collect import descriptor_of
from metarl.training.optimizer_state import load_optimizer, optimizer_state
from metarl.training.replay import Replay
from metarl.training.sources import Seed


class OffPolicyOuter:
    """One iteration: `num_tasks` new tasks, the horizon in each of their worlds from a reset, and after every step of
    all worlds as many updates as are due.

    It depends on theta, Adam's state, the replay and its seed alone, so that a training resumes bit-exactly.
    Parameters that come out infinite or NaN are left there; metrics say `skipped`.
    """

    def __init__(
        self,
        context: OuterContext,
        *,
        outer_lr: float,
        batch_size: int,
        updates_per_step: float,
        learning_starts: int,
        replay_size: int,
    ) -> None:
        if context.ranks.count > 1:
            raise UserError("an off-policy learner is trained by one process: start `metarl train` without torchrun")
        self.learner, self.family = cast(SAC, context.learner), context.family
        if getattr(self.family, "full_action", 1.0) != 1.0:
            raise UserError("an off-policy learner has actions in [-1, 1]: give tasks.action_scale 1.0")
        self.num_tasks, self.episodes = context.num_tasks, context.episodes
        self.batch_size, self.updates_per_step, self.learning_starts = batch_size, updates_per_step, learning_starts
        self.parameters = {
            k: v.detach().clone().requires_grad_(not k.startswith(TARGETS)) for k, v in context.theta.items()
        }
        self.device = device_of(self.parameters)
        self.adam = torch.optim.Adam([*self.parameters.values()], outer_lr)  # numbered as in theta
        inputs, act = self.learner.actor.sizes[0], self.family.space.act
        widths = {"x": inputs, "act": act, "rew": 1, "next_x": inputs, "terminated": 1}
        self.replay = Replay(replay_size, widths, self.device)

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
        before = {k: v.clone() for k, v in self.theta.items()}
        generator = torch.Generator().manual_seed(data.seed)
        metrics = self._collect(
            seeded(int(torch.randint(2**62, (), generator=generator)), self.device, generator), generator
        )
        if not all(v.isfinite().all() for v in self.parameters.values()):
            self.assign(before)
            return metrics | {"skipped": 1.0}
        return metrics

    def _collect(self, rng: torch.Generator, of_tasks: torch.Generator) -> Metrics:
        """Act and learn over the horizon."""
        tasks = self.family.sample(self.num_tasks, "train", of_tasks)
        worlds = self.family.worlds(tasks, self.episodes)
        described = descriptor_of(self.family, tasks, self.device)[:, None].expand(-1, self.episodes, -1)
        obs = worlds.reset(rng)
        first = torch.zeros(obs.shape[:2], dtype=torch.float64, device=self.device)
        going, diverged_ever = torch.ones_like(first, dtype=torch.bool), torch.zeros_like(first, dtype=torch.bool)
        losses: list[float] = []
        for _ in range(self.family.horizon):
            x = self._input(obs, worlds, described)
            act = self._act(x, rng)
            obs, rew, terminated, diverged = (v.to(self.device) for v in worlds.step(act))
            first += torch.where(going & ~diverged, rew.double(), 0.0)
            diverged_ever |= diverged
            known = ~diverged.flatten()
            after = self._input(obs, worlds, described)
            columns = {"x": x, "act": act, "rew": rew, "next_x": after, "terminated": terminated}
            self.replay.add(**{k: v.flatten(0, 1)[known].float() for k, v in columns.items()})
            ended = terminated | diverged
            going &= ~ended
            if ended.any():
                obs = worlds.reset(rng, ended).to(self.device)
            losses += self._learn(int(known.sum()), rng)
        returns = torch.where(diverged_ever, float("nan"), first)
        metrics = {"return_before": float(returns.nanmean()), "diverged": float(diverged_ever.sum())}
        metrics |= {"replay": float(len(self.replay)), "alpha": float(self.parameters["log_alpha"].detach().exp())}
        return metrics | ({"loss": sum(losses) / len(losses)} if losses else {})

    def _input(self, obs: Tensor, worlds: Any, described: Tensor) -> Tensor:
        """What the policy observes, [N, E, I]."""
        x = obs.to(self.device, torch.float32)
        if not self.learner.observes_task:
            return x
        told = [worlds.privileged().to(x)] if self.family.space.privileged else []
        return torch.cat([x, *told, described.to(x)], -1)

    @torch.no_grad()
    def _act(self, x: Tensor, rng: torch.Generator) -> Tensor:
        """Actions [N, E, A]: at random until learning starts."""
        if self.replay.added < self.learning_starts:
            return 2 * uniform((*x.shape[:-1], self.family.space.act), rng) - 1
        theta = self.theta
        return sample(self.learner.apply(theta, self.learner.initial_state(theta), x), rng)

    def _learn(self, steps: int, rng: torch.Generator) -> list[float]:
        """The updates that are due after so many new steps; their losses."""
        added = self.replay.added
        return [self._update(rng) for _ in range(self._due(added) - self._due(added - steps))]

    def _due(self, added: int) -> int:
        """The updates that have to be done by the time that so many steps were stored."""
        return int(max(added - self.learning_starts, 0) * self.updates_per_step)

    def _update(self, rng: torch.Generator) -> float:
        drawn = self.replay.sample(self.batch_size, rng)
        noise = normal((2, self.batch_size, self.family.space.act), rng)
        terminated, rew = drawn["terminated"][:, 0] > 0, drawn["rew"][:, 0]
        batch = OffPolicyData(drawn["x"], drawn["act"], rew, drawn["next_x"], terminated, noise)
        loss = self.learner.loss(self.parameters, batch)
        self.adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        self.adam.step()
        self.assign(self.learner.after_step(self.theta))
        return float(loss.detach())
