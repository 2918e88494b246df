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
) -> Params:
    """`steps` gradient steps on one batch; `rate` is one number, or a number or tensor a parameter.

    With `first_order` the gradient is taken at detached weights, so that no derivative of it is ever built.
    """

    def loss(weights: Params) -> Tensor:
        return objective(network(weights, data.x), data)

    for _ in range(steps):
        at = {k: v.detach() for k, v in phi.items()} if first_order else phi
        grad = torch.func.grad(loss)(at)
        phi = {k: v - (rate[k] if isinstance(rate, Mapping) else rate) * grad[k] for k, v in phi.items()}
    return phi
