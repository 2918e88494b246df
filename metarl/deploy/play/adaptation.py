"""How adaptation is switched while one watches: of memories, of learners that adapt between episodes, of others."""

from __future__ import annotations

from collections import deque
from typing import Literal, Protocol

import torch
from torch import Tensor

from metarl.deploy.acting import AdaptedActor, RecurrentActor
from metarl.deploy.agent import Agent
from metarl.deploy.episodes import Decision, Step, as_trajectories
from metarl.errors import UserError

Memory = Literal["kept", "episode", "step"]
MEMORIES: tuple[Memory, ...] = ("kept", "episode", "step")
KEPT = 100  # episodes that may be adapted on; chosen
Latent = tuple[Tensor | None, Tensor | None]


class Adaptation(Protocol):
    """What a session tells of every step."""

    needs_exploration: bool  # whether it learns from sampled actions, between episodes

    def forget(self) -> None:
        """Another task."""

    def begin_episode(self, *, sampled: bool) -> None:
        """Another episode; whether its actions are sampled."""

    def drop_episodes(self) -> None:
        """Nothing that was played until now, the present episode with it, may be adapted on."""

    def before_step(self) -> None: ...

    def after_step(self, done: Decision, after: Tensor, reward: float, *, over: bool, cut: bool, broken: bool) -> None:
        """over: the episode ended by itself; cut: by time; broken: because the simulation diverged."""

    def latent(self, x: Tensor) -> Latent:
        """What is known of the task when x [1, O] is observed: mean and spread, [Z] each, or None."""


class NoAdaptation:
    """Of a policy that does not adapt."""

    needs_exploration = False

    def forget(self) -> None: ...

    def begin_episode(self, *, sampled: bool) -> None: ...

    def drop_episodes(self) -> None: ...

    def before_step(self) -> None: ...

    def after_step(
        self, done: Decision, after: Tensor, reward: float, *, over: bool, cut: bool, broken: bool
    ) -> None: ...

    def latent(self, x: Tensor) -> Latent:
        return None, None


class RecurrentAdaptation:
    """Of a memory: `kept` as in training, or reset at every `episode` or `step`, which switches adaptation off."""

    needs_exploration = False

    def __init__(self, actor: RecurrentActor) -> None:
        self.actor = actor
        lasts = actor.learner.memory_reset == "trial"
        self.choices = MEMORIES if lasts else MEMORIES[1:]
        self._memory: Memory = self.choices[0]

    @property
    def memory(self) -> Memory:
        """How long it lasts."""
        return self._memory

    @memory.setter
    def memory(self, value: Memory) -> None:
        if value not in self.choices:
            raise UserError(f"the memory is reset every {value!r}, expected one of {', '.join(self.choices)}")
        self._memory = value

    def forget(self) -> None:
        self.actor.forget()

    def begin_episode(self, *, sampled: bool) -> None: ...

    def drop_episodes(self) -> None: ...

    def before_step(self) -> None:
        if self._memory == "step":
            self.actor.forget_memory()

    def after_step(self, done: Decision, after: Tensor, reward: float, *, over: bool, cut: bool, broken: bool) -> None:
        one = torch.ones(1, dtype=torch.bool)
        self.actor.remember(torch.tensor([reward]), one & over, one)
        if self._memory == "episode" and (over or cut):
            self.actor.forget()

    def latent(self, x: Tensor) -> Latent:
        actor, told = self.actor, getattr(self.actor.learner, "latent", None)
        if told is None:
            return None, None
        last = x.new_zeros(1, actor.act_dim + 2) if actor.memory is None else actor.last
        mean, std = told(actor.theta, torch.cat([x, last], -1)[None], actor.memory)  # [1, 1, Z]
        return mean[0, 0], None if std is None else std[0, 0]


class EpisodicAdaptation:
    """Of a learner that adapts between episodes. Those that were played by what it has formed so far, with sampled
    actions, may be adapted on.
    """

    needs_exploration = True

    def __init__(self, agent: Agent, actor: AdaptedActor) -> None:
        self.agent, self.actor = agent, actor
        self.horizon = agent.trained.family.horizon
        self.usual = agent.trained.episodes  # of a round, in training
        self.episodes: deque[list[Step]] = deque(maxlen=KEPT)
        self._steps: list[Step] | None = None  # of the present episode, unless it does not count
        self._apart: tuple[dict[str, Tensor], int] | None = None  # what was formed, while it is switched off

    @property
    def is_on(self) -> bool:
        """Whether it acts with what it has formed in this task."""
        return self._apart is None

    @is_on.setter
    def is_on(self, value: bool) -> None:
        if value == self.is_on:
            return
        actor = self.actor
        if self._apart is None:
            self._apart = actor.phi, actor.round
            actor.forget()
        else:
            (actor.phi, actor.round), self._apart = self._apart, None
        self.drop_episodes()

    @property
    def rounds(self) -> int:
        """Rounds of adaptation that it acts with."""
        return self.actor.round

    def adapt(self, episodes: int) -> int:
        """Adapt on the latest so many episodes, or as many as there are; how many.

        Raises UserError where there is none, or where adaptation is switched off.
        """
        if not self.is_on:
            raise UserError("adaptation is switched off: switch it on first")
        latest = list(self.episodes)[-episodes:]
        if not latest:
            raise UserError("no episode was finished with sampled actions since the latest adaptation: wait for one")
        self.agent.adapt_to(as_trajectories(latest, self.horizon))
        self.drop_episodes()
        return len(latest)

    def forget(self) -> None:
        self._apart = None
        self.actor.forget()
        self.drop_episodes()

    def begin_episode(self, *, sampled: bool) -> None:
        self._steps = [] if sampled else None

    def drop_episodes(self) -> None:
        self.episodes.clear()
        self._steps = None

    def before_step(self) -> None: ...

    def after_step(self, done: Decision, after: Tensor, reward: float, *, over: bool, cut: bool, broken: bool) -> None:
        if self._steps is None:
            return
        one = torch.ones(1, dtype=torch.bool)
        self._steps.append(Step(done, after, torch.tensor([reward]), one, one & over, one & broken))
        if over or cut:
            self.episodes.append(self._steps)

    def latent(self, x: Tensor) -> Latent:
        return None, None


def adaptation_of(agent: Agent) -> Adaptation:
    """The way in which a policy adapts."""
    if isinstance(agent.actor, RecurrentActor):
        return RecurrentAdaptation(agent.actor)
    if agent.trained.learner.rounds:
        assert isinstance(agent.actor, AdaptedActor)  # the other kind
        return EpisodicAdaptation(agent, agent.actor)
    return NoAdaptation()
