"""A policy as a function of tensors alone, to be exported: its parameters are constants in it.

All inputs and outputs have a first axis of 1, the one world that it acts in.

Axes: `O` observation, `A` action, `P` parameters of a task.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from agents.distributions import Categorical, Policy, mode
from agents.learner import Learner, Params, RecurrentLearner
from envs.core import Variable
from envs.variables import centring
from metarl.deploy.acting import AdaptedActor
from metarl.deploy.agent import Agent
from metarl.errors import UserError
from metarl.training.policies import as_recurrent

OBS, ACTION, TASK = "obs", "action", "task"
LAST_ACTION, LAST_REWARD, ENDED, NEW_TASK = "last_action", "last_reward", "ended", "new_task"
TRIED = 20  # tasks on which the description of a task is tried; chosen
MEMORY, NEXT = "memory.", "next."  # prefixes: of tensors of the memory, and of what follows a step


class Frozen(NamedTuple):
    """A module, an example of its inputs by name, and the names of its outputs in order.

    An output `next.NAME` is what the input NAME is at the next step.
    """

    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]


class Constants(nn.Module):
    """Named tensors."""

    def __init__(self, params: Params) -> None:
        super().__init__()
        self.keys = tuple(params)
        for i, value in enumerate(params.values()):
            self.register_buffer(f"value{i}", value.detach().clone())

    def forward(self) -> Params:
        """The tensors by name."""
        return {key: getattr(self, f"value{i}") for i, key in enumerate(self.keys)}


class Reactive(nn.Module):
    """obs [1, O] -> action: of a policy that does not change while it acts."""

    told: Tensor  # [1, P] what it is told of the task; P is 0 for most

    def __init__(self, learner: Learner[Any], theta: Params, phi: Params, told: Tensor, full: float) -> None:
        super().__init__()
        self.learner, self.full = learner, full
        self.theta, self.phi = Constants(theta), Constants(phi)
        self.register_buffer("told", told.clone())

    def forward(self, obs: Tensor) -> Tensor:
        """obs [1, O] -> action [1, A]."""
        out = self.learner.apply(self.theta(), self.phi(), torch.cat([obs, self.told], -1))
        return unit_action(out, self.full)


class TaskObserving(nn.Module):
    """obs [1, O], task [1, P] in the units of its numbers -> action: of an oracle that is told the task each time."""

    middle: Tensor  # [P]
    half_width: Tensor  # [P]

    def __init__(self, learner: Learner[Any], theta: Params, variables: Sequence[Variable], full: float) -> None:
        super().__init__()
        self.learner, self.full = learner, full
        self.theta, self.phi = Constants(theta), Constants(learner.initial_state(theta))
        self.maps, middle, half = zip(*map(centring, variables), strict=True)
        self.register_buffer("middle", torch.stack(middle))
        self.register_buffer("half_width", torch.stack(half))

    def descriptor(self, task: Tensor) -> Tensor:
        """What the policy observes of a task, [1, P]."""
        columns = [to(x) for to, x in zip(self.maps, task.double().unbind(-1), strict=True)]
        return ((torch.stack(columns, -1) - self.middle) / self.half_width).float()

    def forward(self, obs: Tensor, task: Tensor) -> Tensor:
        """obs [1, O], task [1, P] -> action [1, A]."""
        x = torch.cat([obs, self.descriptor(task)], -1)
        return unit_action(self.learner.apply(self.theta(), self.phi(), x), self.full)


class Recurrent(nn.Module):
    """obs [1, O], last action [1, A] and reward, whether an episode ended with them, whether a task begins [1, 1], and
    the memory [1, ...] -> action, the next last action, the next memory.

    The last action is in policy units and not clipped, as it was in training. Where a task begins, memory and what was
    last are those of its start, whatever is given.
    """

    def __init__(self, learner: RecurrentLearner, theta: Params, full: float) -> None:
        super().__init__()
        self.learner, self.full = learner, full
        self.theta, self.start = Constants(theta), Constants(learner.initial_state(theta))

    def forward(
        self, obs: Tensor, last_action: Tensor, last_reward: Tensor, ended: Tensor, new_task: Tensor, *memory: Tensor
    ) -> tuple[Tensor, ...]:
        """The action [1, A], and the memory after it."""
        begins = new_task > 0.5
        if self.learner.memory_reset == "episode":
            begins = begins | (ended > 0.5)
        start = self.start()
        held = {
            k: torch.where(begins.view(-1, *(1,) * v.dim()), v, m)
            for (k, v), m in zip(start.items(), memory, strict=True)
        }
        last = torch.where(begins, 0.0, torch.cat([last_action, last_reward, ended], -1))
        moved, out = self.learner.step(self.theta(), held, torch.cat([obs, last], -1))
        return unit_action(out, self.full), mode(out), *(moved[k] for k in start)


def unit_action(out: Policy, full: float) -> Tensor:
    """The greedy action: [1, A] in [-1, 1], or the number [1] of a discrete one."""
    if isinstance(out, Categorical):
        return out.logits.argmax(-1)
    return (mode(out) / full).clamp(-1.0, 1.0)


def frozen(agent: Agent) -> Frozen:
    """The policy as it acts now: adapted, or told the task; a memory begins anew with every task.

    Raises UserError for one that has adapted to several tasks at once.
    """
    trained = agent.trained
    learner, theta, full, space = trained.learner, trained.theta, trained.full_action, agent.space
    obs = torch.zeros(1, agent.observed)
    recurrent = as_recurrent(learner)
    if recurrent:
        start = recurrent.initial_state(theta)
        one = {LAST_REWARD: torch.zeros(1, 1), ENDED: torch.zeros(1, 1), NEW_TASK: torch.ones(1, 1)}
        memory = {f"{MEMORY}{k}": v.expand(1, *v.shape).clone() for k, v in start.items()}
        inputs = {OBS: obs, LAST_ACTION: torch.zeros(1, space.act)} | one | memory
        following = (LAST_ACTION, *memory)
        return Frozen(Recurrent(recurrent, theta, full), inputs, (ACTION, *(NEXT + name for name in following)))
    assert isinstance(agent.actor, AdaptedActor)  # the other kind
    if agent.task_names and agent.descriptor is None:
        return Frozen(_task_observing(agent), {OBS: obs, TASK: torch.ones(1, len(agent.task_names))}, (ACTION,))
    told = torch.zeros(1, 0) if agent.descriptor is None else agent.descriptor
    if agent.actor.num_tasks > 1 or len(told) > 1:
        count = max(agent.actor.num_tasks, len(told))
        raise UserError(
            f"{agent.name} has adapted to {count} tasks, and a file holds one: adapt to one, and export that"
        )
    phi = {k: v[0] for k, v in agent.actor.phi.items()}
    return Frozen(Reactive(learner, theta, phi, told, full), {OBS: obs}, (ACTION,))


def _task_observing(agent: Agent) -> TaskObserving:
    """Raises UserError for a family that describes its tasks in a way of its own."""
    trained, names = agent.trained, agent.task_names
    family = trained.family
    own = {v.name: v for v in family.variables}
    module = TaskObserving(trained.learner, trained.theta, [own[n] for n in names], trained.full_action)
    tasks = family.sample(TRIED, "train", torch.Generator().manual_seed(0))
    given = torch.stack([tasks.column(name) for name in names], -1)
    if not torch.allclose(module.descriptor(given), family.descriptor(tasks).float(), atol=1e-6):
        raise UserError(
            f"{agent.name} observes tasks that are described in a way of their own, which no file can compute: export "
            "it for one task, with reset(task={...}) or --task"
        )
    return module
