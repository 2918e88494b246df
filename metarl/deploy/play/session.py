"""One world in which a policy acts, while its task, its command and its adaptation are changed. Knows no browser."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from envs.core import Tasks
from envs.legged.defaults import Command
from envs.legged.worlds import LeggedWorlds
from envs.variations.registry import VARIATIONS, base_name
from metarl.deploy.agent import Agent
from metarl.deploy.play.adaptation import adaptation_of
from metarl.deploy.play.knobs import knobs_of, rounded
from metarl.deploy.told import descriptor_of
from metarl.errors import UserError
from metarl.evaluation.sampling import complete_tasks, seeded

RETURNS = 50  # episodes whose returns are kept; chosen
STEP = 0.05  # s between two actions where a family does not say
Ending = Literal["time", "failed", "diverged"]


class Moment(NamedTuple):
    """What came of one control step."""

    reward: float
    ended: Ending | None  # how the episode ended, if it did
    latent: Tensor | None  # [Z] what a memory holds of the task, or the mean of its belief
    spread: Tensor | None  # [Z] standard deviation of the belief


class Session:
    """A policy in one world of the tasks that it was trained on.

    given: numbers of the task; the others are drawn from `split` with `seed`, as `metarl record` does. Nothing is
    drawn anew from then on but what the family draws within episodes.

    Raises UserError for numbers that the tasks do not have.
    """

    def __init__(self, agent: Agent, given: Mapping[str, float], split: str = "test", seed: int = 0) -> None:
        family: Any = agent.trained.family
        self.agent, self.family = agent, family
        self.knobs = knobs_of(family)
        drawn = complete_tasks(family, dict(given), split, seed)
        self.task = rounded(self.knobs, drawn.to_json()[0])
        self.worlds: Any = family.worlds(Tasks.from_json([self.task]), 1, share=False)
        self.control_step: float = getattr(family, "control_step", STEP)
        self.generator = seeded(seed)
        self.has_event = "event_s" in family.names
        self.event = False
        self.adaptation = adaptation_of(agent)
        self._explores = self.adaptation.needs_exploration
        self.ends_by_time = True
        self.returns: deque[float] = deque(maxlen=RETURNS)
        self._new_task()
        self._begin()

    def _new_task(self) -> None:
        self.agent.reset(task=self.task if self.agent.task_names else True)
        self.adaptation.forget()

    def _begin(self) -> None:
        """An episode of the same task begins."""
        self.steps, self.total, self.ended = 0, 0.0, False
        self.obs = self.worlds.reset(self.generator)  # [1, 1, O]
        if self.has_event:
            self.worlds.set_event(self.event)
        self.adaptation.begin_episode(sampled=self._explores)

    @property
    def explores(self) -> bool:
        """Whether actions are sampled, as in training, or the most likely ones."""
        return self._explores

    @explores.setter
    def explores(self, value: bool) -> None:
        if value != self._explores:
            self._explores = value
            self.adaptation.drop_episodes()

    @torch.no_grad()
    def step(self) -> Moment:
        """One control step; the first of another episode where the latest one has ended."""
        if self.ended:
            self._begin()
        x = self._observed()
        self.adaptation.before_step()
        latent, spread = self.adaptation.latent(x)
        done = self.agent.decide(x, greedy=not self._explores)
        self.obs, rew, terminated, diverged = self.worlds.step(done.act[:, None])
        self.steps += 1
        failed, broken = bool(terminated), bool(diverged)
        reward = 0.0 if broken else float(rew)
        self.total += reward
        late = self.ends_by_time and self.steps >= self.family.horizon
        self.ended = failed or broken or late
        after = self.obs[:, 0].float().clone()
        self.adaptation.after_step(done, after, reward, over=failed or broken, cut=late, broken=broken)
        if self.ended:
            self.returns.append(self.total)
            self.agent.reset(task=False)
        ending: Ending | None = "diverged" if broken else "failed" if failed else "time" if late else None
        return Moment(reward, ending, latent, spread)

    def _observed(self) -> Tensor:
        """What the policy is given, [1, O]."""
        obs: Tensor = self.obs[:, 0].float()
        if self.agent.observed == obs.shape[-1]:
            return obs
        return torch.cat([obs, self.worlds.privileged()[:, 0].float()], -1)

    def restart(self) -> None:
        """Another episode of the same task; what is known of the task stays."""
        self.agent.reset(task=False)
        self._begin()

    def forget(self) -> None:
        """Another episode, as if the task were a new one."""
        self._new_task()
        self.returns.clear()
        self._begin()

    def set(self, name: str, value: float) -> float:
        """Change one number of the task, to the nearest value that the tasks have, which is returned.

        The robot goes on from its present state; where the ground takes another shape, an episode begins.
        """
        knob = next((k for k in self.knobs if k.name == name), None)
        if knob is None:
            raise UserError(f"the tasks have no number {name!r} to change, expected one of {self._names()}")
        value = knob.nearest(value)
        if value == self.task[name]:
            return value
        self.task = {**self.task, name: value}
        tasks = Tasks.from_json([self.task])
        self.worlds.set_tasks(tasks)
        self.adaptation.drop_episodes()
        if self.agent.task_names:
            self.agent.descriptor = descriptor_of(self.family, tasks)
        if self.has_event:
            self.worlds.set_event(self.event)
        if _changes_ground(name):
            self.restart()
        return value

    def _names(self) -> str:
        return ", ".join(k.name for k in self.knobs) or "none"

    @property
    def follows_commands(self) -> bool:
        """Whether the robot follows a velocity, and may be pushed."""
        return isinstance(self.worlds, LeggedWorlds)

    def command(self, velocity: tuple[float, float, float] | None) -> None:
        """What is commanded from the next step on: forwards, to the left (m/s), turning (rad/s); None as in training.

        Raises UserError for robots that follow none.
        """
        legged = self._legged("follow no command")
        if velocity is None:
            legged.command = self.family.command
            return
        forward, left, turn = velocity
        fixed = Command((forward, forward), (left, left), (turn, turn), hold=self.control_step, standing=0.0)
        legged.command = fixed

    def push(self, forward: float, left: float) -> None:
        """Change the velocity of the base, m/s along x and y of the world. Raises UserError for other robots."""
        self._legged("are not pushed").push(torch.tensor([[forward, left]], dtype=torch.float64))

    def _legged(self, why: str) -> LeggedWorlds:
        if not isinstance(self.worlds, LeggedWorlds):
            raise UserError(f"the robots of {self.agent.name} {why}: that is for tasks of kind legged")
        return self.worlds

    def set_event(self, happens: bool) -> None:
        """Let happen what the task says (a motor fails, a load, slippery ground), or undo it.

        Raises UserError for tasks without events.
        """
        if not self.has_event:
            raise UserError(f"the tasks of {self.agent.name} have no events: vary event_s in tasks of kind legged")
        self.event = happens
        self.worlds.set_event(happens)


def _changes_ground(name: str) -> bool:
    """Whether a number changes the shape of the ground; a slope is gravity, and does not."""
    known = VARIATIONS.items().get(base_name(name))
    return known is not None and known.kind == "terrain" and known.apply is None
