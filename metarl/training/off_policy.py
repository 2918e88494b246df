"""Off-policy training as an outer step: collect in batched worlds and learn from a replay, in turn."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from agents.baselines.sac import SAC, OffPolicyData
from agents.distributions import sample
from envs.rng import normal, uniform
from metarl.config.loggers import Metrics
from metarl.config.outer_settings import OuterContext
from metarl.training.collect import descriptor_of
from metarl.training.off_policy_steps import OffPolicySteps
from metarl.training.replay import Replay


class OffPolicyOuter(OffPolicySteps):
    """One iteration: `num_tasks` new tasks, the horizon in each of their worlds from a reset, and after every step of
    all worlds as many updates as are due.
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
        super().__init__(context, outer_lr)
        self.learner = cast(SAC, context.learner)
        self.num_tasks, self.episodes = context.num_tasks, context.episodes
        self.batch_size, self.updates_per_step, self.learning_starts = batch_size, updates_per_step, learning_starts
        inputs, act = self.learner.actor.sizes[0], self.family.space.act
        widths = {"x": inputs, "act": act, "rew": 1, "next_x": inputs, "terminated": 1}
        self.replay: Replay = Replay(replay_size, widths, self.device)

    def collect_and_learn(self, rng: torch.Generator, of_tasks: torch.Generator) -> Metrics:
        """Act and learn over the horizon."""
        tasks = self.family.sample(self.num_tasks, "train", of_tasks)
        worlds = self.family.worlds(tasks, self.episodes)
        described = descriptor_of(self.family, tasks, self.device)[:, None].expand(-1, self.episodes, -1)
        obs = worlds.reset(rng)
        first = torch.zeros(obs.shape[:2], dtype=torch.float64, device=self.device)
        going, diverged_ever = torch.ones_like(first, dtype=torch.bool), torch.zeros_like(first, dtype=torch.bool)
        losses: list[Tensor] = []
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
        return metrics | ({"loss": float(torch.stack(losses).double().mean())} if losses else {})

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

    def _learn(self, steps: int, rng: torch.Generator) -> list[Tensor]:
        """The updates that are due after so many new steps; their losses."""
        added = self.replay.added
        return [self._update(rng) for _ in range(self._due(added) - self._due(added - steps))]

    def _due(self, added: int) -> int:
        """The updates that have to be done by the time that so many steps were stored."""
        return int(max(added - self.learning_starts, 0) * self.updates_per_step)

    def _update(self, rng: torch.Generator) -> Tensor:
        drawn = self.replay.sample(self.batch_size, rng)
        noise = normal((2, self.batch_size, self.family.space.act), rng)
        terminated, rew = drawn["terminated"][:, 0] > 0, drawn["rew"][:, 0]
        batch = OffPolicyData(drawn["x"], drawn["act"], rew, drawn["next_x"], terminated, noise)
        return self.update(self.learner, batch)
