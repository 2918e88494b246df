"""The inner step that the gradient learners share."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from agents.learner import Data, Objective, Out, Params


def descend(
    network: Callable[[Params, Tensor], Out],
    objective: Objective,
    phi: Params,
    data: Data,
    rate: float | Mapping[str, Tensor | float],
    steps: int,
    first_order: bool = False,
) -> tuple[Params, Out]:
    """`steps` gradient steps, one or more, on one batch, and what the network answered before the first, at no cost.

    `rate` is one number, or a number or tensor a parameter. With `first_order` the gradient is taken at detached
    weights, so that no derivative of it is ever built, nor of that answer.
    """

    def loss(weights: Params) -> tuple[Tensor, Out]:
        out = network(weights, data.x)
        return objective(out, data), out

    answers: list[Out] = []
    for _ in range(steps):
        at = {k: v.detach() for k, v in phi.items()} if first_order else phi
        grad, out = torch.func.grad(loss, has_aux=True)(at)
        phi = {k: v - (rate[k] if isinstance(rate, Mapping) else rate) * grad[k] for k, v in phi.items()}
        answers.append(out)
    return phi, answers[0]
