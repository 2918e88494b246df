"""A trained policy that acts in an environment of one's own.

Axes: `W` worlds, `O` observation, `A` action, `P` parameters of a task.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from gymnasium.vector import AutoresetMode
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from agents.distributions import mode, sample
from agents.learner import Learner, Params, device_of
from envs.core import TaskDistribution, Tasks, Trajectories
from metarl.deploy.acting import actor_of
from metarl.deploy.controls import controls_of
from metarl.deploy.episodes import Decision, play_round
from metarl.deploy.spaces import ActionUnits, Env, as_batch, fitting, spaces_of
from metarl.deploy.told import Task, descriptor_of, told_tasks
from metarl.errors import UserError
from metarl.evaluation.adaptation_curve import rounds_of
from metarl.training.collect import AdvantageEstimator
from metarl.training.policies import episodes_a_round


class Origin(NamedTuple):
    """Where a policy is from, for whoever finds it later."""

    run: str
    learner: str  # as tables call it
    tasks: str
    command: str  # of the training
    commit: str | None
    iteration: int
    theta_sha256: str  # of theta as its checkpoint stores it: that of theta.safetensors in its manifest


class Trained(NamedTuple):
    """A policy as training left it."""

    origin: Origin
    learner: Learner[Any]
    theta: Params
    family: TaskDistribution  # what it was trained on
    advantage: AdvantageEstimator
    episodes: int  # of a round of adaptation

    @property
    def full_action(self) -> float:
        """The largest action in policy units; 1 where the family does not say."""
        return float(getattr(self.family, "full_action", 1.0))


class Agent:
    """A trained policy: `adapt` to a task, `act`, and `observe` what came of it. Made by `metarl.load`.

    Normalisation, the units of actions and the memory are inside. With observations [W, O] of several worlds, each is
    in a task of its own.

    env: the environment that it acts in, which decides the units of its actions; without one they are those of the
        Gymnasium environment that it was trained in, or of `envs.gym`: [-1, 1], or the number of a discrete action.
    seed: of the actions that are sampled.

    Raises UserError for an environment whose spaces are not those of the policy.
    """

    def __init__(self, trained: Trained, env: Env | None = None, seed: int = 0) -> None:
        self.trained, self.name = trained, trained.origin.run
        self.space = trained.family.space
        self.generator = torch.Generator(device_of(trained.theta)).manual_seed(seed)
        self.actor = actor_of(trained.learner, trained.theta, trained.advantage, self.space.act, self.generator)
        told = trained.learner.observes_task
        self.task_names = tuple(trained.family.descriptor_names) if told else ()  # parameters that it has to be told
        self.observed = self.space.obs + (self.space.privileged if told else 0)  # O, and what only an oracle is told
        self.bind(env)
        self.reset()

    def bind(self, env: Env | None) -> None:
        """Act in this environment from now on; what is remembered of the task stays."""
        usual = getattr(self.trained.family, "action_space", None)
        self.units = ActionUnits(self.space, self.trained.full_action, usual)
        self.is_told_by_env, self.skips_ended = False, False
        if env is None:
            return
        observed, acted, count = spaces_of(env)
        self.is_told_by_env = fitting(
            observed, acted, self.space._replace(obs=self.observed), len(self.task_names), self.name
        )
        self.units = ActionUnits(self.space, self.trained.full_action, acted, controls_of(self.trained.family))
        if count is not None:  # where an episode ends, such a batch ignores the next action
            self.skips_ended = env.metadata.get("autoreset_mode") == AutoresetMode.NEXT_STEP

    def reset(self, task: bool | Task = True) -> None:
        """True: forget the task, for another one follows. False: a new episode of the same task.

        A policy that observes the task (the oracle) is told it instead: its numbers by name, of all worlds or a mapping
        for each. Raises UserError for numbers that it does not know, or lacks.
        """
        self.worlds = 0  # of the latest action
        self.ended: Tensor | None = None  # worlds whose latest episode ended in the step before
        if task is False:
            self.actor.begin_episode()
            return
        self.actor.forget()
        self.episodes = 0  # adapted on
        self.descriptor: Tensor | None = None
        if task is not True:
            self.descriptor = descriptor_of(self.trained.family, self._tasks(task))

    def _tasks(self, task: Task) -> Tasks:
        if not self.task_names:
            raise UserError(f"{self.name} does not observe the task: reset it without one, it adapts by itself or not")
        return told_tasks(self.trained.family, task)

    def act(self, obs: ArrayLike, greedy: bool = True) -> NDArray[Any]:
        """The action for observations [O], or those [W, A] (discrete: [W]) of several worlds [W, O].

        greedy: the most likely action; otherwise it is sampled, as in training. Raises UserError for observations of
        another shape, and for a policy with a memory that was not told what came of its last action.
        """
        if self.actor.waits:
            raise UserError(
                f"{self.name} learns while it acts: call observe(reward, terminated, truncated) after every step, or "
                "reset(task=False) where an episode was left"
            )
        described = len(self.task_names) if self.is_told_by_env else 0
        x, is_single = as_batch(obs, self.observed + described, self.name)
        act = self.units.of(self.decide(x, greedy).act)
        return act[0] if is_single else act

    @torch.no_grad()
    def decide(self, x: Tensor, greedy: bool) -> Decision:
        """What is done for observations [W, O], in the units of the policy."""
        x = self._with_task(x)
        out = self.actor.act(x)
        act = mode(out) if greedy else sample(out, self.generator)
        self.actor.choose(act)
        self.worlds = len(x)
        return Decision(x, act, out)

    def _with_task(self, x: Tensor) -> Tensor:
        if not self.task_names or self.is_told_by_env:
            return x
        if self.descriptor is None:
            names = ", ".join(f'"{name}": ...' for name in self.task_names)
            raise UserError(f"{self.name} observes the task and was not told it: call reset(task={{{names}}})")
        if len(self.descriptor) not in (1, len(x)):
            raise UserError(f"got observations of {len(x)} worlds, but {len(self.descriptor)} tasks: tell as many")
        return torch.cat([x, self.descriptor.expand(len(x), -1)], -1)

    def observe(self, reward: ArrayLike, terminated: ArrayLike, truncated: ArrayLike) -> None:
        """What came of the last action, a number or [W] each; a policy without a memory has no use for it.

        Where an episode ended, the next observation is the first of another one of the same task.
        """
        given = [torch.from_numpy(np.array(part)).reshape(-1) for part in (reward, terminated, truncated)]
        if wrong := [part for part in given if len(part) != self.worlds]:
            raise UserError(
                f"got rewards or ends of {len(wrong[0])} worlds, but the policy has acted in {self.worlds}: act first, "
                "and give a number for each world"
            )
        ended = given[1].bool() | given[2].bool()
        alive = torch.ones_like(ended)
        if self.skips_ended and self.ended is not None:
            alive = ~self.ended
        if self.actor.waits:
            self.actor.remember(given[0].float(), ended, alive)
        self.ended = ended & alive

    def adapt(self, env: Env, episodes: int | None = None, steps: int | None = None) -> list[float]:
        """Play so many episodes in the environment and adapt on them; the mean return over worlds of each.

        By default there are as many as in training, and none of a policy that does not adapt. A policy with a memory
        needs none of this; it plays them all the same. steps: the most of an episode, by default those of training.

        The environment has to be reset afterwards. Raises UserError for one that does not fit.
        """
        for name, value in (("episodes", episodes), ("steps", steps)):
            if value is not None and value < (name == "steps"):
                raise UserError(f"{name} is {value}, expected at least {int(name == 'steps')}")
        self.bind(env)
        learner, horizon = self.trained.learner, steps or self.trained.family.horizon
        batch = episodes_a_round(learner, self.trained.episodes)
        if not learner.rounds and not learner.is_recurrent:
            return []
        returns: list[float] = []
        for count in rounds_of(learner.rounds * batch if episodes is None else episodes, batch):
            data = play_round(self, env, count, horizon)
            self.adapt_to(data)
            returns += data.returns.nanmean(0).tolist()
        return returns

    @torch.no_grad()
    def adapt_to(self, data: Trajectories) -> None:
        """Adapt on a round of episodes [N, T, E, ...] of this policy, whose observations hold what it is told."""
        self.actor.adapt(data)
        self.episodes += data.rew.shape[2]
