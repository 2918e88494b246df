"""The one path of the data: tasks -> [experience -> adapt] x rounds -> experience."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from torch.func import vmap

from agents.advantages import AllReduceSum, advantages, fit_linear_baseline, no_reduce, trial_advantages
from agents.learner import Episode, Learner, Params, Transitions, device_of
from agents.linear_prior import LinearPrior, fit_with_prior
from agents.records import Chunks, Context
from envs.core import TaskDistribution, Tasks, Trajectories
from envs.rng import on_device
from metarl.training.chunks import in_chunks
from metarl.training.policies import AdaptedPolicy, RecurrentPolicy, as_recurrent, with_noise


@dataclass
class Clock:
    """Seconds spent in the parts of an iteration. On a GPU, `simulation` includes the policy."""

    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, part: str, since: float) -> None:
        self.seconds[part] = self.seconds.get(part, 0.0) + time.perf_counter() - since


class AdvantageEstimator(NamedTuple):
    """Generalised advantage estimation: discount and lambda (Schulman et al. 2016).

    bootstrap: whether a value function stands for what would have followed where time has cut an episode.
    """

    gamma: float = 0.99
    gae_lambda: float = 1.0
    bootstrap: bool = True

    def __call__(self, data: Trajectories, prior: LinearPrior | None = None) -> Transitions:
        """Trajectories [N, ...] with advantages, each task against a linear baseline of its own.

        prior: the distribution over tasks of the baseline's weights, where one is carried from task to task.
        An episode whose simulation diverged counts as not alive from its start: nothing is learned from it.
        """
        data = data._replace(alive=data.alive & ~data.diverged[:, None])
        fit = fit_linear_baseline if prior is None else partial(fit_with_prior, prior)
        one_task = partial(advantages, gamma=self.gamma, gae_lambda=self.gae_lambda, fit=fit)
        adv, ret = vmap(one_task)(data.obs, data.rew, data.terminated, data.alive)
        none = data.obs[..., :0]
        return Transitions(data.obs, data.act, data.logp, data.mean, data.log_std, adv, data.alive, ret, none)


@dataclass(frozen=True)
class Rollouts:
    """Trajectories round by round, and an episode to learn from, which is made when it is first used."""

    trajectories: tuple[Trajectories, ...]  # rounds of support, then the query
    make_episode: Callable[[], Episode | Chunks]

    @cached_property
    @torch.no_grad()
    def episode(self) -> Episode | Chunks:
        """Every tensor [N, ...]; of a recurrent learner one task of all trials [1, ...]."""
        return self.make_episode()


def synchronize_device(device: torch.device | str) -> None:
    """Wait until a GPU has done its work; a CPU has at once."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


def descriptor_of(family: TaskDistribution, tasks: Tasks, device: torch.device | str = "cpu") -> Tensor:
    """True parameters of tasks, [N, P]; of a family without descriptors P is 0."""
    if not getattr(family, "descriptor_names", ()):
        return torch.zeros(len(tasks), 0, device=device)
    return family.descriptor(tasks).to(device)


@torch.no_grad()
def collect_rollouts(
    learner: Learner[Any],
    theta: Params,
    family: TaskDistribution,
    tasks: Tasks,
    plan: Sequence[int],
    advantage: AdvantageEstimator,
    generator: torch.Generator,
    *,
    greedy: int = 0,
    in_training: bool = False,
    clock: Clock | None = None,
    all_reduce_sum: AllReduceSum = no_reduce,
) -> Rollouts:
    """Collect and adapt round by round in `tasks`, then collect once more with the adapted policies.

    plan: the episodes of each round, and behind them those of the adapted policy. Of a recurrent learner a round is one
    episode, of as many trials of every task as the plan says, side by side.
    greedy: in the last so many of them it takes the most likely action; a learner with rounds samples before the last.
    in_training: a recurrent learner whose trials count steps starts another episode at once where one has ended.
    all_reduce_sum: over all processes that collect other tasks of the same batch.
    generator: of the CPU. Everything is where theta is; on a GPU random numbers are too, from a seed drawn here.
    """
    theta = {k: v.detach() for k, v in theta.items()}
    run = Collection(family, tasks, on_device(device_of(theta), generator), clock or Clock())
    if recurrent := as_recurrent(learner):
        tells = recurrent.informed == 1 or (in_training and recurrent.informed)  # 1: a teacher that is evaluated
        told = descriptor_of(family, tasks, run.generator.device) if tells else None
        worlds, space = (len(tasks), plan[-1]), family.space
        policy = RecurrentPolicy(recurrent, theta, worlds, space.act, greedy, told, space.privileged)
        restarts = in_training and recurrent.restarts
        return _collect_trials(run, policy, plan, advantage, all_reduce_sum, restarts)
    return _collect_rounds(run, learner, theta, plan, advantage, greedy)


def support_of(
    learner: Learner[Any], theta: Params, data: Trajectories, advantage: AdvantageEstimator, round: int
) -> Transitions | Context:
    """What a learner adapts on of episodes [N, T, E, ...] that it observed."""
    return context_of(data) if learner.adapts_on_rewards else advantage(data, learner.baseline_prior(theta, round))


def context_of(data: Trajectories) -> Context:
    """The steps of episodes [N, T, E, ...]; of one that diverged nothing is alive."""
    following = torch.cat([data.obs[:, 1:], data.last_obs[:, None]], 1)
    return Context(data.obs, data.act, data.rew, following, data.alive & ~data.diverged[:, None])


class Collection(NamedTuple):
    """What stays the same from round to round."""

    family: TaskDistribution
    tasks: Tasks
    generator: torch.Generator
    clock: Clock

    def episodes(self, policy: AdaptedPolicy | RecurrentPolicy, count: int) -> Trajectories:
        """Episodes of every task."""
        return self.timed(self.family.experience, policy, count)

    def segments(self, policy: AdaptedPolicy | RecurrentPolicy, count: int) -> Trajectories:
        """Steps of so many worlds of every task, where one episode follows another; episodes of a family without."""
        return self.timed(getattr(self.family, "segments", self.family.experience), policy, count)

    def timed(
        self, collect: Callable[..., Trajectories], policy: AdaptedPolicy | RecurrentPolicy, count: int
    ) -> Trajectories:
        """What is collected; the time of policy and simulation is separated on a CPU only."""
        start, before = time.perf_counter(), policy.seconds
        trajectories = collect(self.tasks, policy, count, self.generator)
        synchronize_device(self.generator.device)
        acting = policy.seconds - before if self.generator.device.type == "cpu" else 0.0
        self.clock.add("simulation", start + acting)
        self.clock.seconds["policy"] = self.clock.seconds.get("policy", 0.0) + acting
        return trajectories


def _collect_rounds(
    run: Collection,
    learner: Learner[Any],
    theta: Params,
    plan: Sequence[int],
    advantage: AdvantageEstimator,
    greedy: int,
) -> Rollouts:
    """Of a learner that adapts between rounds."""
    phi = {k: v.expand(len(run.tasks), *v.shape) for k, v in learner.initial_state(theta).items()}
    device, last = run.generator.device, len(plan) - 1
    descriptor = run.family.descriptor(run.tasks).to(device) if learner.observes_task else None
    support: list[Transitions | Context] = []
    trajectories: list[Trajectories] = []
    for k, count in enumerate(plan):
        phi = with_noise(phi, run.generator)
        policy = AdaptedPolicy(learner, theta, phi, descriptor, greedy if k == last else 0)
        trajectories.append(run.episodes(policy, count))
        start = time.perf_counter()
        observed = trajectories[-1]._replace(obs=policy.inputs(trajectories[-1]))
        if k < last:
            support.append(support_of(learner, theta, observed, advantage, k))
            phi = vmap(learner.adapt, in_dims=(None, 0, 0))(theta, phi, support[-1])
        synchronize_device(device)
        run.clock.add("learning", start)
    return Rollouts(
        tuple(trajectories),
        lambda: Episode(cast(Any, tuple(support)), advantage(observed, learner.baseline_prior(theta, last))),
    )


def _collect_trials(
    run: Collection,
    policy: RecurrentPolicy,
    plan: Sequence[int],
    advantage: AdvantageEstimator,
    all_reduce_sum: AllReduceSum,
    restarts: bool,
) -> Rollouts:
    """Of a learner that adapts while it acts."""
    trajectories: list[Trajectories] = []
    for count in plan:
        trajectories.append(run.segments(policy, count) if restarts else run.episodes(policy, count))
        policy.next_episode(trajectories[-1].last_obs)

    def episode() -> Episode | Chunks:
        descriptor = descriptor_of(run.family, run.tasks, run.generator.device)
        data = policy.trials(trajectories, descriptor, of_trials)
        episodes = len(plan) if policy.learner.memory_reset == "trial" else 1
        return in_chunks(policy.learner, policy.theta, data, episodes * trajectories[0].rew.shape[1])

    def of_trials(rew: Tensor, value: Tensor, alive: Tensor, cut: Tensor, over: Tensor) -> tuple[Tensor, Tensor]:
        cut = cut & advantage.bootstrap
        return trial_advantages(rew, value, alive, cut, over, advantage.gamma, advantage.gae_lambda, all_reduce_sum)

    return Rollouts(tuple(trajectories), episode)
