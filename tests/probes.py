"""Tasks, networks and losses whose results are known."""

from __future__ import annotations

import torch
from torch import Tensor

from agents.distributions import Gaussian
from agents.learner import Params, Transitions
from envs.core import Policy, Space, Tasks, Trajectories, Variable
from envs.rollout import rollout
from envs.variables import VariableSampler


class Point:
    """A network of one weight that ignores its input: N(w, 1)."""

    def init(self, generator: torch.Generator) -> Params:
        return {"w": torch.zeros(1, dtype=torch.float64)}

    def __call__(self, params: Params, x: Tensor) -> Gaussian:
        mean = params["w"].expand(*x.shape[:-1], 1)
        return Gaussian(mean, torch.zeros_like(mean))


def half_square(out: Gaussian, data: Transitions) -> Tensor:
    """Mean of 1/2 (w - act)^2: gradient w - mean(act), curvature 1."""
    return 0.5 * (out.mean - data.act).square().mean()


def transitions(act: Tensor, adv: Tensor | None = None, logp: Tensor | None = None) -> Transitions:
    """act [E], one episode for each number -> data of one task with T = 1."""
    steps = act.reshape(1, -1)
    zeros = torch.zeros_like(steps)
    return Transitions(
        x=zeros[..., None],
        act=steps[..., None],
        logp=zeros if logp is None else logp.reshape(1, -1),
        mean=zeros[..., None],
        log_std=zeros[..., None],
        adv=zeros if adv is None else adv.reshape(1, -1),
        alive=torch.ones_like(steps, dtype=torch.bool),
        ret=zeros,
        descriptor=zeros[..., None][..., :0],
    )


def random_transitions(num_tasks: int, obs: int, act: int, generator: torch.Generator) -> Transitions:
    """Random data of several tasks in float64, [N, T=7, E=3], with some steps not alive."""
    shape = (num_tasks, 7, 3)

    def normal(*tail: int) -> Tensor:
        return torch.randn(*shape, *tail, generator=generator, dtype=torch.float64)

    alive = torch.rand(shape, generator=generator) < 0.8
    mean, log_std = normal(act), 0.1 * normal(act)
    return Transitions(normal(obs), normal(act), normal() - 3, mean, log_std, normal(), alive, normal(), normal(0))


class Guess(VariableSampler):
    """Guess a number, +1 or -1, in one step; the reward is minus the squared error.

    The best return is 0 where the number is known, and -1 where it is not.
    """

    space = Space(obs=1, act=1)
    horizon = 1

    def __init__(self) -> None:
        super().__init__((Variable("number", ((-1.0, -1.0), (1.0, 1.0))),))

    def experience(self, tasks: Tasks, policy: Policy, episodes: int, generator: torch.Generator) -> Trajectories:
        return rollout(_Guesses(tasks, episodes), policy, self.space, (len(tasks), 1, episodes), generator)


class _Guesses:
    def __init__(self, tasks: Tasks, episodes: int) -> None:
        self.number = tasks.column("number")[:, None].float().expand(-1, episodes)

    def reset(self, generator: torch.Generator) -> Tensor:
        return torch.zeros(*self.number.shape, 1)

    def step(self, act: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        no = torch.zeros_like(self.number, dtype=torch.bool)
        return torch.zeros_like(act), -(act[..., 0] - self.number).square(), no, no
