"""Off-policy meta-training as an outer step (Rakelly et al. 2019, algorithm 1): collect in some of the training tasks,
then learn from a replay of each.

Axes: `N` training tasks, `K` tasks that are collected in, `M` tasks of an update, `T` steps, `A` action.
"""

from __future__ import annotations

from typing import Literal, cast

import torch
from torch import Tensor
from torch.func import vmap

from agents.baselines.sac import OffPolicyData
from agents.latent.pearl import PEARL, PEARLData
from agents.learner import Params
from envs.rng import normal
from metarl.config.loggers import Metrics
from metarl.config.outer_settings import OuterContext
from metarl.errors import UserError
from metarl.training.collect import context_of
from metarl.training.off_policy_steps import OffPolicySteps
from metarl.training.policies import AdaptedPolicy, with_noise
from metarl.training.task_replay import TaskReplay


class MetaOffPolicyOuter(OffPolicySteps):
    """One iteration: in `collected_tasks` of the training tasks, which stay the same for the whole training, some
    episodes with z from the prior and some with z from the posterior over these and each other; then `updates` updates.

    The first iteration begins with `initial_episodes` in every training task.
    """

    def __init__(
        self,
        context: OuterContext,
        *,
        outer_lr: float,
        meta_batch: int,
        batch_size: int,
        context_size: int,
        context_from: Literal["all", "prior"],
        updates: int,
        collected_tasks: int,
        prior_episodes: int,
        posterior_episodes: int,
        initial_episodes: int,
        replay_size: int,
    ) -> None:
        super().__init__(context, outer_lr)
        count, horizon = context.num_tasks, self.family.horizon
        if collected_tasks > count:
            raise UserError(f"outer.collected_tasks is {collected_tasks}, of {count} training tasks: give fewer")
        most = max(prior_episodes + posterior_episodes, initial_episodes) * horizon
        if replay_size < most:
            raise UserError(f"an iteration has {most} steps of a task: give outer.replay_size at least as many")
        self.learner = cast(PEARL, context.learner)
        self.tasks = self.family.sample(count, "train", torch.Generator().manual_seed(context.seed))
        self.meta_batch, self.batch_size, self.context_size, self.updates = (
            meta_batch,
            batch_size,
            context_size,
            updates,
        )
        self.context_from = context_from
        self.collected_tasks, self.initial_episodes = collected_tasks, initial_episodes
        self.prior_episodes, self.posterior_episodes = prior_episodes, posterior_episodes
        obs, act = self.family.space.obs, self.family.space.act
        widths = {"x": obs, "act": act, "rew": 1, "next_x": obs, "terminated": 1}
        self.replay: TaskReplay = TaskReplay(count, replay_size, widths, self.device)

    def collect_and_learn(self, rng: torch.Generator, of_tasks: torch.Generator) -> Metrics:
        order = torch.randperm(len(self.tasks), generator=of_tasks)
        steps = 0.0
        if not len(self.replay):
            steps += self._collect(order, self.initial_episodes, 0, rng)["steps"]
        metrics = self._collect(order[: self.collected_tasks], self.prior_episodes, self.posterior_episodes, rng)
        losses = torch.stack([self.update(self.learner, self._batch(rng)) for _ in range(self.updates)])
        told = {"loss": float(losses.double().mean()), "replay": float(len(self.replay))}
        told["alpha"] = float(self.parameters["log_alpha"].detach().exp())
        return metrics | told | {"steps": steps + metrics["steps"]}

    @torch.no_grad()
    def _collect(self, which: Tensor, prior: int, posterior: int, rng: torch.Generator) -> Metrics:
        """Episodes of tasks [K], one after the other; stored, and recent where `context_from` says so."""
        tasks, learner, theta = self.tasks.chosen(which), self.learner, self.theta
        start = {k: v.expand(len(which), *v.shape) for k, v in learner.initial_state(theta).items()}
        known, returns = start, []
        self.replay.begin_collection(which.to(self.device))
        for k in range(prior + posterior):
            phi = with_noise(start if k < prior else known, rng)
            data = self.family.experience(tasks, AdaptedPolicy(learner, theta, phi, None), 1, rng)
            support = context_of(data)
            known = vmap(learner.adapt, in_dims=(None, 0, 0))(theta, known, support)
            columns = support._asdict() | {"terminated": data.terminated.float()}
            alive = columns.pop("alive").flatten(1)
            steps = {name: x.flatten(1, 2) for name, x in columns.items()}
            told = k < prior or self.context_from == "all"
            self.replay.add(which.to(self.device), alive, recent=told, **steps)
            returns.append(data.returns.double())
        metrics = {"return_before": float(torch.stack(returns[:prior]).nanmean())}
        if posterior:
            metrics["return_after"] = float(returns[-1].nanmean())
        metrics["diverged"] = float(sum(r.isnan().sum() for r in returns))
        return metrics | {"steps": float(len(which) * (prior + posterior) * self.family.horizon)}

    def _batch(self, rng: torch.Generator) -> PEARLData:
        """Transitions and recent context of some tasks [M], drawn with replacement."""
        which = torch.randint(len(self.tasks), (self.meta_batch,), generator=rng, device=rng.device)
        which = which[self.replay.added[which] > 0] if bool((self.replay.added == 0).any()) else which
        drawn = self.replay.sample(which, self.batch_size, rng)
        recent = self.replay.sample(which, self.context_size, rng, recent=True)
        size = (len(which), self.batch_size, self.family.space.act)
        noise = torch.stack([normal(size, rng), normal(size, rng)])
        terminated, rew = drawn["terminated"][..., 0] > 0, drawn["rew"][..., 0]
        batch = OffPolicyData(drawn["x"], drawn["act"], rew, drawn["next_x"], terminated, noise)
        return PEARLData(batch, self._context(recent), normal((len(which), self.learner.latent_size), rng))

    def _context(self, recent: Params) -> Tensor:
        """What the encoder is given, [M, C, D]."""
        return self.learner.steps(recent["x"], recent["act"], recent["rew"][..., 0], recent["next_x"])
