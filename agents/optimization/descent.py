"""Gradient descent on one batch, the inner step of the gradient learners."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from agents.records import Data, Objective, Out, Params, detached


def descend(
    network: Callable[[Params, Tensor], Out],
    objective: Objective,
    phi: Params,
    data: Data,
    lr: float | Mapping[str, Tensor | float],
    steps: int,
    first_order: bool = False,
) -> tuple[Params, Out]:
    """phi after `steps` >= 1 gradient steps on one batch, and the network's output before the first of them.

    lr: one step size, or a number or tensor for each parameter. first_order: the gradient is taken at detached weights
    and is a constant, and so is the returned output.
    """

    def loss(weights: Params) -> tuple[Tensor, Out]:
        out = network(weights, data.x)
        return objective(out, data), out

    outputs: list[Out] = []
    for _ in range(steps):
        at = detached(phi) if first_order else phi
        grad, out = torch.func.grad(loss, has_aux=True)(at)
        phi = {k: v - (lr[k] if isinstance(lr, Mapping) else lr) * grad[k] for k, v in phi.items()}
        outputs.append(out)
    return phi, outputs[0]
