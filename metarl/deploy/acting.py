"""A learner in one task, or in one task of each of several worlds: what it has formed there, and how it acts now.

Axes: `W` worlds, `N` tasks: one for all worlds, or one of each. `O` observation, `A` action, `T` steps, `E` episodes.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor
from torch.func import vmap

from agents.distributions import Policy
from agents.learner import Learner, Params, RecurrentLearner
from agents.memory.rl2 import select_alive
from envs.core import Trajectories
from metarl.errors import UserError
from metarl.training.collect import AdvantageEstimator, support_of
from metarl.training.policies import as_recurrent, with_noise


class Actor(Protocol):
    """How a learner acts. `act` and `remember` follow each other."""

    waits: bool  # for `remember` before it acts again

    def forget(self) -> None:
        """Begin a task."""

    def begin_episode(self) -> None:
        """The present episode is over in all worlds, whether or not that was told."""

    def act(self, x: Tensor) -> Policy:
        """Inputs [W, I], observations with what is known of the task behind them -> distributions [W]."""

    def choose(self, act: Tensor) -> None:
        """The actions [W, A] that are taken."""

    def remember(self, rew: Tensor, ended: Tensor, alive: Tensor) -> None:
        """What came of them, [W]: the reward, and whether the episode ended; nothing where not `alive`."""

    def adapt(self, data: Trajectories) -> None:
        """Form phi from episodes [N, T, E, ...], whose observations hold what is known of the task."""


def actor_of(
    learner: Learner[Any], theta: Params, advantage: AdvantageEstimator, act: int, generator: torch.Generator
) -> Actor:
    """The way in which a learner acts. act: A. generator: of what it samples when an episode begins."""
    recurrent = as_recurrent(learner)
    return RecurrentActor(recurrent, theta, act) if recurrent else AdaptedActor(learner, theta, advantage, generator)


class AdaptedActor:
    """Of a learner that adapts between episodes, or not at all; a round of it is one call of `adapt`."""

    waits = False

    def __init__(
        self, learner: Learner[Any], theta: Params, advantage: AdvantageEstimator, generator: torch.Generator
    ) -> None:
        self.learner, self.theta, self.advantage, self.generator = learner, theta, advantage, generator
        self.forget()

    def forget(self) -> None:
        start = {k: v[None] for k, v in self.learner.initial_state(self.theta).items()}  # [1, ...]
        self.phi = with_noise(start, self.generator)
        self.num_tasks, self.round = 1, 0

    def begin_episode(self) -> None:
        self.phi = with_noise(self.phi, self.generator)

    def act(self, x: Tensor) -> Policy:
        if self.num_tasks not in (1, len(x)):
            raise UserError(
                f"got observations of {len(x)} worlds, but the policy has adapted to the tasks of {self.num_tasks}: "
                "reset it, or give as many"
            )
        out: Policy = vmap(self.learner.apply, in_dims=(None, 0, 0))(self.theta, self.phi, _by_task(x, self.num_tasks))
        return type(out)(*(part.flatten(0, 1) for part in out))  # [W, A]

    def choose(self, act: Tensor) -> None: ...

    def remember(self, rew: Tensor, ended: Tensor, alive: Tensor) -> None: ...

    def adapt(self, data: Trajectories) -> None:
        count = len(data.obs)
        if self.round and count != self.num_tasks:
            raise UserError(
                f"got episodes of {count} tasks, but the policy has adapted to {self.num_tasks}: reset it, or go on "
                "with as many"
            )
        phi = {k: v.expand(count, *v.shape[1:]) for k, v in self.phi.items()}
        support = support_of(self.learner, self.theta, data, self.advantage, self.round)
        phi = vmap(self.learner.adapt, in_dims=(None, 0, 0))(self.theta, phi, support)
        self.phi = with_noise(phi, self.generator)
        self.num_tasks, self.round = count, self.round + 1


class RecurrentActor:
    """Of a learner that adapts while it acts: a memory of each world, its last action, reward, and whether an episode
    ended with them.
    """

    def __init__(self, learner: RecurrentLearner, theta: Params, act: int) -> None:
        self.learner, self.theta, self.act_dim = learner, theta, act
        self.forget()

    def forget(self) -> None:
        self.memory: Params | None = None  # of a number of worlds that the first observations decide
        self.waits = False

    def forget_memory(self) -> None:
        """As `forget`, but the last action and reward are kept: a policy whose adaptation is switched off."""
        if self.memory is not None:
            self.memory, _ = self._fresh(len(self.last))

    def begin_episode(self) -> None:
        self.waits = False
        if self.memory is not None:
            self._end(torch.ones(len(self.last), dtype=torch.bool))

    def act(self, x: Tensor) -> Policy:
        if self.memory is None:
            self.memory, self.last = self._fresh(len(x))
        if len(self.last) != len(x):
            raise UserError(
                f"got observations of {len(x)} worlds, but the policy remembers {len(self.last)}: reset it, or give as "
                "many"
            )
        self.moved, out = self.learner.step(self.theta, self.memory, torch.cat([x, self.last], -1))
        return out

    def choose(self, act: Tensor) -> None:
        self.chosen, self.waits = act, True

    def remember(self, rew: Tensor, ended: Tensor, alive: Tensor) -> None:
        assert self.memory is not None  # it has acted
        last = torch.cat([self.chosen, rew[:, None], torch.zeros_like(rew)[:, None]], -1)
        self.memory = select_alive(self.moved, self.memory, alive)
        self.last = torch.where(alive[:, None], last, self.last)
        self.waits = False
        if ended.any():
            self._end(ended & alive)

    def adapt(self, data: Trajectories) -> None:
        """It has done so already."""

    def _fresh(self, worlds: int) -> tuple[Params, Tensor]:
        start = self.learner.initial_state(self.theta)
        return {k: v.expand(worlds, *v.shape) for k, v in start.items()}, torch.zeros(worlds, self.act_dim + 2)

    def _end(self, ended: Tensor) -> None:
        """Episodes of some worlds [W] are over."""
        assert self.memory is not None
        last = torch.cat([self.last[:, :-1], torch.ones_like(self.last[:, -1:])], -1)
        if self.learner.memory_reset == "episode":
            fresh, last = self._fresh(len(ended))
            self.memory = select_alive(fresh, self.memory, ended)
        self.last = torch.where(ended[:, None], last, self.last)


def _by_task(x: Tensor, num_tasks: int) -> Tensor:
    """Inputs [W, I] -> [N, worlds of a task, I]."""
    return x[None] if num_tasks == 1 else x[:, None]
