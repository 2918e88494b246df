"""The data that learners are given, and dictionaries of parameters.

Axes: `N` tasks, `T` time steps, `E` episodes of a task, `O` observation, `A` action, `P` task parameters,
`S` examples. A learner sees one task; the task axis `N` comes first where there is one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor

from agents.distributions import Policy
from envs.core import Examples

Params = dict[str, Tensor]
"""Named tensors: theta, the meta-parameters, or phi, the state of one task."""

NOISE = "noise"
"""Of phi: standard normal numbers, drawn anew for each task before every round, for a learner that acts by a sample."""

Objective = Callable[[Any, Any], Tensor]
"""(out, data) -> scalar to minimise, of action distributions and transitions, or of logits and examples."""

Exploration = Callable[[Any, Any, Any], Tensor]
"""(out on the support, support, query) -> scalar to minimise: credits actions before adaptation with the return after
it."""


Out = TypeVar("Out", Policy, Tensor, covariant=True)
"""Output of a network: a distribution over actions, or a tensor of logits or numbers."""


class Network(Protocol[Out]):
    """A pure function of parameters and input."""

    def init(self, generator: torch.Generator) -> Params: ...

    def __call__(self, params: Params, x: Tensor) -> Out: ...


class Transitions(NamedTuple):
    """Trajectories of one task with the advantage of each action."""

    x: Tensor  # [T, E, O]
    act: Tensor  # [T, E, A]
    logp: Tensor  # [T, E] log-probability under the policy that sampled the action
    mean: Tensor  # [T, E, A] of the sampling policy
    log_std: Tensor  # [T, E, A] of the sampling policy
    adv: Tensor  # [T, E]
    alive: Tensor  # [T, E] bool
    ret: Tensor  # [T, E] return to go, the target of a value function
    descriptor: Tensor  # [T, E, P] true parameters of the task, for a value function; P is 0 where none learns from it


class Context(NamedTuple):
    """Steps of one task, as a learner adapts on them that infers the task from rewards."""

    x: Tensor  # [T, E, O]
    act: Tensor  # [T, E, A]
    rew: Tensor  # [T, E]
    next_x: Tensor  # [T, E, O]
    alive: Tensor  # [T, E] bool


class Episode(NamedTuple):
    """Experience of one task to act in: rounds of support data to adapt on, then query data for the outer objective."""

    support: tuple[Transitions, ...]
    query: Transitions


class StoredState(NamedTuple):
    """phi at the start of sequences that begin within a trial, in place of the experience that formed it."""

    flat: Tensor  # [1, E, M] all tensors of phi in a row (`flat_state`)


class Chunks(NamedTuple):
    """Parts of trials, and the state that each starts from: an `Episode` of a learner whose errors go back that far."""

    support: tuple[StoredState]
    query: Transitions


class SupervisedTask(NamedTuple):
    """One supervised task: support examples to adapt on, then query examples for the outer objective."""

    support: tuple[Examples, ...]
    query: Examples


Data = Transitions | Examples
Experience = TypeVar("Experience", Episode, Chunks, SupervisedTask)


def map_tensors(experience: Experience, function: Callable[[Tensor], Tensor]) -> Experience:
    """The same experience with `function` applied to every tensor."""
    mapped = [type(data)(*map(function, data)) for data in (*experience.support, experience.query)]
    return type(experience)(tuple(mapped[:-1]), mapped[-1])


def mean_over_tasks(loss: Callable[[Params, Experience], Tensor], theta: Params, tasks: Experience) -> Tensor:
    """Mean of a one-task loss over the task axis of `tasks` [N, ...]; the only place where that axis is added."""
    if len(tasks.query[0]) == 1:  # faster without vmap
        return loss(theta, map_tensors(tasks, lambda t: t[0]))
    return torch.func.vmap(loss, in_dims=(None, 0))(theta, tasks).mean()


def flat_state(phi: Params) -> Tensor:
    """The states of B sequences, tensors [B, ...], in a row [B, M], in the order of their names."""
    return torch.cat([phi[name].flatten(1) for name in sorted(phi)], 1)


def unflat_state(flat: Tensor, like: Params) -> Params:
    """What `flat_state` put in a row [B, M]; like: the state of one sequence."""
    names = sorted(like)
    parts = torch.split(flat, [like[name].numel() for name in names], 1)
    return {name: part.reshape(-1, *like[name].shape) for name, part in zip(names, parts, strict=True)}


def device_of(params: Params) -> torch.device:
    """The device of the first parameter; the CPU if there is none."""
    return next((v.device for v in params.values()), torch.device("cpu"))


def detached(params: Params) -> Params:
    """The same values without their gradient history."""
    return {k: v.detach() for k, v in params.items()}


def with_prefix(prefix: str, params: Params) -> Params:
    """`params` with `prefix` before every name."""
    return {prefix + k: v for k, v in params.items()}


def select_prefix(prefix: str, params: Params) -> Params:
    """The parameters whose names start with `prefix`, without it."""
    return {k.removeprefix(prefix): v for k, v in params.items() if k.startswith(prefix)}


def without_prefix(prefix: str, params: Params) -> Params:
    """The parameters whose names do not start with `prefix`."""
    return {k: v for k, v in params.items() if not k.startswith(prefix)}
