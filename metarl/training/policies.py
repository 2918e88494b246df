"""Learners as policies over all worlds of all tasks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.func import vmap

from agents.distributions import Policy, log_prob, mode, sample
from agents.learner import NOISE, Learner, Params, RecurrentLearner, Transitions, device_of
from agents.memory.rl2 import select_alive
from envs import rng
from envs.core import Action, Trajectories

TrialAdvantages = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""Rewards, values, alive, cut and last steps of trials [L, B] -> advantages and returns to go (`agents.advantages`)."""


def sampled(out: Policy, generator: torch.Generator, greedy: int = 0) -> Action:
    """An action of every policy [N, E], sampled; in the last `greedy` worlds of a task the most likely one."""
    act = sample(out, generator)
    if greedy:
        act[:, -greedy:] = mode(out)[:, -greedy:]
    return Action(act, log_prob(out, act), out.mean, out.log_std)


def with_noise(phi: Params, generator: torch.Generator) -> Params:
    """phi [N, ...] for another episode: with new noise, where a learner acts by a sample of what it knows."""
    return phi | {NOISE: rng.normal(phi[NOISE].shape, generator)} if NOISE in phi else phi


class AdaptedPolicy:
    """A learner's adapted policies [N] as one policy over all worlds; counts its own seconds."""

    def __init__(
        self, learner: Learner[Any], theta: Params, phi: Params, descriptor: Tensor | None, greedy: int = 0
    ) -> None:
        self.learner, self.theta, self.phi, self.descriptor = learner, theta, phi, descriptor
        self.greedy = greedy
        self.seconds = 0.0

    def __call__(self, obs: Tensor, generator: torch.Generator) -> Action:
        start = time.perf_counter()
        action = sampled(self._distribution(self.with_descriptor(obs)), generator, self.greedy)
        self.seconds += time.perf_counter() - start
        return action

    def _distribution(self, x: Tensor) -> Policy:
        out: Policy = vmap(self.learner.apply, in_dims=(None, 0, 0))(self.theta, self.phi, x)
        return out

    @property
    def observes_privileged(self) -> bool:
        """Whether it is told the state of its worlds beside the observation: as it is told the task."""
        return self.descriptor is not None

    def inputs(self, data: Trajectories) -> Tensor:
        """What it observes in every step of a rollout, [N, T, E, I]."""
        return self._inputs(data.obs, data.privileged)

    def last_inputs(self, data: Trajectories) -> Tensor:
        """What it would observe after the last step, [N, E, I]."""
        return self._inputs(data.last_obs, data.last_privileged)

    def _inputs(self, obs: Tensor, privileged: Tensor) -> Tensor:
        return self.with_descriptor(torch.cat([obs, privileged], -1) if self.observes_privileged else obs)

    def with_descriptor(self, obs: Tensor) -> Tensor:
        """obs [N, ..., O]; of a learner that observes the task with its true parameters [P] behind it."""
        if self.descriptor is None:
            return obs
        descriptor = self.descriptor[(slice(None), *(None,) * (obs.dim() - 2))]  # [N, 1, ..., P]
        return torch.cat([obs, descriptor.expand(*obs.shape[:-1], -1)], -1)


class SharedPolicy(AdaptedPolicy):
    """A learner's policy before any adaptation, the same [...] for all tasks: faster than one for each."""

    def _distribution(self, x: Tensor) -> Policy:
        out: Policy = self.learner.apply(self.theta, self.phi, x)
        return out


def as_recurrent(learner: Learner[Any]) -> RecurrentLearner | None:
    """The learner itself where it adapts while it acts."""
    return cast(RecurrentLearner, learner) if learner.is_recurrent else None


def episodes_a_round(learner: Learner[Any], episodes: int) -> int:
    """Episodes that it adapts on in a round of `episodes`: all of them, or one where each trial has its own memory."""
    return 1 if learner.is_recurrent else episodes


class RecurrentPolicy:
    """A learner that adapts while it acts, with a memory for each world that lasts from episode to episode.

    descriptor: true parameters of the tasks [N, P], for a learner that is told them in a share of the worlds, with the
        `privileged` numbers of the state.
    It keeps its inputs, and counts its own seconds.
    """

    def __init__(
        self,
        learner: RecurrentLearner,
        theta: Params,
        worlds: tuple[int, int],
        act: int,
        greedy: int = 0,
        descriptor: Tensor | None = None,
        privileged: int = 0,
    ) -> None:
        self.privileged = privileged
        self.descriptor, self.informed = descriptor, torch.empty(*worlds, 0, device=device_of(theta))
        self.learner, self.theta, self.worlds, self.act_dim, self.greedy = learner, theta, worlds, act, greedy
        self.seconds = 0.0
        self.inputs: list[Tensor] = []  # [N, E, I] of every step
        self.ends: list[Tensor] = []  # [N, E, I] of what would have been the next input of each episode
        self._reset_memory()

    def _reset_memory(self) -> None:
        self.memory = {k: v.expand(*self.worlds, *v.shape) for k, v in self.learner.initial_state(self.theta).items()}
        # action, reward, whether an episode ended with it
        self.last = torch.zeros(*self.worlds, self.act_dim + 2, device=device_of(self.theta))

    def next_episode(self, last_obs: Tensor) -> None:
        """Every episode is over, by its end or by the horizon; last_obs [N, E, O] is what followed its last step."""
        self.ends.append(torch.cat([last_obs, self.last, self.informed], -1))
        self.last = torch.cat([self.last[..., :-1], torch.ones_like(self.last[..., :1])], -1)
        if self.learner.memory_reset == "episode":
            self._reset_memory()

    def __call__(self, obs: Tensor, generator: torch.Generator) -> Action:
        start = time.perf_counter()
        obs, told = self._told(obs, generator)
        x = torch.cat([obs, self.last, self.informed], -1)
        self.moved, out = self.learner.step(self.theta, self.memory, torch.cat([x, *told], -1))
        self.inputs.append(x)
        action = sampled(out, generator, self.greedy)
        self.act = action.act
        self.seconds += time.perf_counter() - start
        return action

    @property
    def observes_privileged(self) -> bool:
        """Whether it is told the state of its worlds beside the observation."""
        return self.descriptor is not None

    def _told(self, obs: Tensor, generator: torch.Generator) -> tuple[Tensor, list[Tensor]]:
        """The observation, and of a learner that is told more what is privileged, and the task."""
        if self.descriptor is None:
            return obs, []
        if not self.inputs:  # the worlds of a trial stay the same
            self.informed = (rng.uniform(self.worlds, generator) < self.learner.informed).float()[..., None]
        descriptor = self.descriptor[:, None].expand(*obs.shape[:-1], -1)
        width = obs.shape[-1] - self.privileged
        return obs[..., :width], [obs[..., width:], descriptor]

    def observe_reward(self, rew: Tensor, alive: Tensor, ended: Tensor) -> None:
        """Remember the step just taken; a world that is not alive keeps its memory."""
        start = time.perf_counter()
        last = torch.cat([self.act, rew[..., None], ended[..., None].float()], -1)
        if alive.is_cpu and alive.all():  # a GPU would have to be waited for
            self.memory, self.last = self.moved, last
        else:
            self.memory = select_alive(self.moved, self.memory, alive)
            self.last = torch.where(alive[..., None], last, self.last)
        self.seconds += time.perf_counter() - start

    def trials(
        self,
        rollouts: Sequence[Trajectories],
        descriptor: Tensor,
        advantage: TrialAdvantages,
    ) -> Transitions:
        """All rollouts as one task of `B = N * E` trials [1, L, B, ...] whose valid steps come first.

        Where the memory lasts for an episode, each episode is a trial, those of a world side by side. Nothing is
        learned from a trial whose simulation diverged. descriptor: true parameters of the tasks, [N, P]; the critic is
        told them behind what is privileged. Behind the last step of each trial there is one that is not alive: its
        value counts where time has cut the trial. Of a learner whose trials are one episode nothing follows where one
        has ended early: what comes behind it in the same world is another trial.
        """
        at_once = self.learner.memory_reset == "trial"
        diverged = torch.stack([t.diverged for t in rollouts])  # [K, N, E]
        diverged = diverged.any(0).expand_as(diverged) if at_once else diverged
        alive = [t.alive & ~b[:, None] for t, b in zip(rollouts, diverged, strict=True)]
        ends = [a[:, -1] & ~t.terminated[:, -1] for a, t in zip(alive, rollouts, strict=True)]  # [N, E] cut by time

        def in_a_row(rounds: Iterable[Tensor], behind: Sequence[Tensor] | None = None) -> Tensor:
            """[T, N, E, ...] of every round, and what is behind the last step of each [N, E, ...] -> [L, B, ...]."""
            steps = list(rounds)
            for k in range(len(steps) - 1 if at_once else 0, len(steps)):
                last = torch.zeros_like(steps[k][0]) if behind is None else behind[k]
                steps[k] = torch.cat([steps[k], last[None]])
            flat = [s.flatten(1, 2) for s in steps]
            return torch.cat(flat) if at_once else torch.stack(flat, 2).flatten(1, 2)

        def of(rounds: Iterable[Tensor]) -> Tensor:
            """[N, T, E, ...] of every round -> [L, B, ...]."""
            return in_a_row(t.transpose(0, 1) for t in rounds)

        taken, cut = of(alive), in_a_row((torch.zeros_like(a).transpose(0, 1) for a in alive), ends)
        x = in_a_row(torch.stack(self.inputs).view(len(rollouts), -1, *self.inputs[0].shape), self.ends)
        act, logp, mean = of(t.act for t in rollouts), of(t.logp for t in rollouts), of(t.mean for t in rollouts)
        log_std, rew = of(t.log_std for t in rollouts), of(t.rew for t in rollouts)
        alone = self.learner.rounds == 0
        over = of(t.terminated if alone else torch.zeros_like(t.terminated) for t in rollouts)
        privileged = in_a_row((t.privileged.transpose(0, 1) for t in rollouts), [t.last_privileged for t in rollouts])
        packed = pack_valid_steps((x, act, logp, mean, log_std, rew, taken, cut, over, privileged), taken | cut)
        x, act, logp, mean, log_std, rew, taken, cut, over, privileged = packed
        trials = x.shape[1]
        descriptor = descriptor.repeat_interleave(trials // len(descriptor), 0).expand(len(x), -1, -1)  # [L, B, P]
        told = torch.cat([privileged, descriptor], -1)  # [L, B, V + P]
        value = self.learner.value(self.theta, x, told)
        adv, ret = advantage(rew, value, taken, cut, over)
        return Transitions(*(t[None] for t in (x, act, logp, mean, log_std, adv, taken, ret, told)))


def pack_valid_steps(data: Sequence[Tensor], taken: Tensor) -> list[Tensor]:
    """Every tensor [L, B, ...] with the steps taken [L, B] first, in their order, then zeros; as few as will do."""
    order = (~taken).byte().argsort(dim=0, stable=True)[: int(taken.sum(0).max().clamp_min(1))]  # [l, B]
    there = taken.gather(0, order)

    def packed(x: Tensor) -> Tensor:
        tail = (..., *(None,) * (x.dim() - 2))
        return torch.where(
            there[tail], x.take_along_dim(order[tail], 0), torch.zeros((), dtype=x.dtype, device=x.device)
        )

    return [packed(x) for x in data]
