"""Off-policy training of a policy with a memory as an outer step: collect trials, then learn from parts of stored ones.

Axes: `N` tasks, `E` trials of each, `B` trials or parts, `L` steps of a trial, `S` steps of a part, `I` input.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from agents.memory.recurrent_sac import RecurrentSAC, Sequences
from agents.records import Params
from envs.core import Trajectories
from envs.rng import normal
from metarl.config.loggers import Metrics
from metarl.config.outer_settings import OuterContext
from metarl.errors import UserError
from metarl.training.off_policy_steps import OffPolicySteps
from metarl.training.policies import RecurrentPolicy, pack_valid_steps
from metarl.training.replay import Replay


class RecurrentOffPolicyOuter(OffPolicySteps):
    """One iteration: `episodes` trials in each of `num_tasks` new tasks, then `updates` updates.

    A row of the replay is a trial.
    """

    def __init__(
        self,
        context: OuterContext,
        *,
        outer_lr: float,
        batch_size: int,
        length: int,
        burn_in: int,
        updates: int,
        replay_size: int,
    ) -> None:
        super().__init__(context, outer_lr)
        self.learner = cast(RecurrentSAC, context.learner)
        self.num_tasks, self.episodes, self.updates = context.num_tasks, context.episodes, updates
        self.batch_size, self.length, self.burn_in = batch_size, length, burn_in
        self.steps = (self.learner.rounds + 1) * self.family.horizon  # L
        if burn_in + length > self.steps:
            raise UserError(
                f"a trial has {self.steps} steps, outer.length and outer.burn_in are {burn_in + length} together: "
                "give fewer"
            )
        if replay_size < self.steps:
            raise UserError(f"a trial has {self.steps} steps: give outer.replay_size at least as many")
        self.inputs, self.act = self.family.space.obs + self.family.space.act + 2, self.family.space.act
        widths = {"x": (self.steps + 1) * self.inputs, "act": self.steps * self.act}
        widths |= dict.fromkeys(("rew", "terminated", "alive"), self.steps)
        self.replay: Replay = Replay(replay_size // self.steps, widths, self.device)

    def collect_and_learn(self, rng: torch.Generator, of_tasks: torch.Generator) -> Metrics:
        metrics = self._collect(rng, of_tasks)
        if len(self.replay):  # but where every simulation has diverged
            losses = torch.stack([self.update(self.learner, self._batch(rng)) for _ in range(self.updates)])
            metrics["loss"] = float(losses.double().mean())
        metrics["replay"] = float(len(self.replay) * self.steps)
        return metrics | {"alpha": float(self.parameters["log_alpha"].detach().exp())}

    @torch.no_grad()
    def _collect(self, rng: torch.Generator, of_tasks: torch.Generator) -> Metrics:
        tasks = self.family.sample(self.num_tasks, "train", of_tasks)
        policy = RecurrentPolicy(self.learner, self.theta, (self.num_tasks, self.episodes), self.act)
        episodes: list[Trajectories] = []
        for _ in range(self.learner.rounds + 1):
            episodes.append(self.family.experience(tasks, policy, self.episodes, rng))
            policy.next_episode(episodes[-1].last_obs)
        rows = trials_of(episodes, torch.stack(policy.inputs), policy.ends[-1])
        known = rows["alive"].bool().any(1)  # nothing is learned from a trial whose simulation diverged
        self.replay.add(**{k: v.flatten(1)[known].float() for k, v in rows.items()})
        returns = [float(data.returns.double().nanmean()) for data in episodes]
        metrics = {"return_before": returns[0], "diverged": float(sum(data.diverged.sum() for data in episodes))}
        metrics["steps"] = float(self.num_tasks * self.episodes * self.steps)
        return metrics | ({"return_after": returns[-1]} if len(returns) > 1 else {})

    def _batch(self, rng: torch.Generator) -> Sequences:
        """Parts of stored trials, that begin anywhere; a trial's first steps are counted without burn-in."""
        rows = {k: v.view(self.batch_size, -1) for k, v in self.replay.sample(self.batch_size, rng).items()}
        shares = torch.rand(self.batch_size, generator=rng, device=rng.device, dtype=torch.float64).to(self.device)
        lengths = rows["alive"].sum(1)  # of trials, which may end early
        begin = ((shares * (lengths - self.length + 1).clamp_min(1)).long() - self.burn_in).clamp_min(0)  # [B]
        at = begin[None] + torch.arange(self.burn_in + self.length + 1, device=self.device)[:, None]  # [S + 1, B]
        which = torch.arange(self.batch_size, device=self.device)[None]
        x = rows["x"].view(self.batch_size, -1, self.inputs)[which, at]
        act = rows["act"].view(self.batch_size, -1, self.act)[which, at[:-1]]
        rew, terminated, alive = (rows[k][which, at[:-1]] for k in ("rew", "terminated", "alive"))
        formed = torch.arange(len(act), device=self.device)[:, None] >= self.burn_in
        counted = (alive > 0) & (formed | (begin == 0)[None])
        noise = normal((self.batch_size, len(x), self.act), rng).transpose(0, 1)
        return Sequences(x, act, rew, terminated > 0, counted, noise)


def trials_of(episodes: list[Trajectories], inputs: Tensor, end: Tensor) -> Params:
    """Trials [B, L, ...] of their episodes one after the other, valid steps first; x [B, L + 1, I] holds what followed.

    inputs: of every step [L, N, E, I]. end: what would have been the next [N, E, I]. A step is `terminated` where the
    last episode ended before time; where others do, the next one follows.
    """
    failed = torch.stack([t.diverged for t in episodes]).any(0)[:, None]  # [N, 1, E]
    alive = [t.alive & ~failed for t in episodes]
    over = [t.terminated if t is episodes[-1] else torch.zeros_like(t.terminated) for t in episodes]

    def of(rounds: list[Tensor]) -> Tensor:
        """[N, T, E, ...] of every episode -> [L + 1, B, ...], with a row of zeros behind."""
        steps = torch.cat([t.transpose(0, 1) for t in rounds]).flatten(1, 2)
        return torch.cat([steps, torch.zeros_like(steps[:1])])

    taken, terminated = of(alive), of(over)
    cut = torch.zeros_like(taken)
    cut[-1] = (alive[-1][:, -1] & ~over[-1][:, -1]).flatten()
    x = torch.cat([inputs, end[None]]).flatten(1, 2)  # [L + 1, B, I]
    act, rew = of([t.act for t in episodes]), of([t.rew for t in episodes])
    packed = pack_valid_steps((x, act, rew, terminated, taken), taken | cut)
    missing = len(x) - len(packed[0])
    names = ("x", "act", "rew", "terminated", "alive")
    whole = {
        k: torch.cat([v, v.new_zeros(missing, *v.shape[1:])]).transpose(0, 1)
        for k, v in zip(names, packed, strict=True)
    }
    return {k: v if k == "x" else v[:, :-1] for k, v in whole.items()}
