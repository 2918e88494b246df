"""Quadratic tasks of one weight whose meta-gradients are derived by hand, and gradients of a learner's loss."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from agents.learner import Learner, mean_over_tasks
from agents.records import Episode, Params, Transitions
from tests.probes import transitions

W, SUPPORT, QUERY, ALPHA = 2.0, 0.5, -1.0, 0.1


def number(value: float) -> Tensor:
    return torch.tensor([value], dtype=torch.float64)


def episode(*support: float) -> Episode:
    return Episode(tuple(transitions(number(s)) for s in support or (SUPPORT,)), transitions(number(QUERY)))


def meta_gradient(learner: Learner[Any], data: Episode, **theta: float) -> dict[str, float]:
    leaves = {k.replace("__", "."): number(v).requires_grad_() for k, v in theta.items()}
    learner.loss(leaves, data).backward()  # type: ignore[no-untyped-call]  # torch's backward is untyped
    return {k: v.grad.item() for k, v in leaves.items() if v.grad is not None}


def gradients(learner: Learner[Any], theta: Params, data: Episode) -> Params:
    """Gradients of the mean loss over tasks, of the parameters that have any."""
    leaves = {k: v.clone().requires_grad_() for k, v in theta.items()}
    mean_over_tasks(learner.loss, leaves, data).backward()  # type: ignore[no-untyped-call]  # torch's is untyped
    return {k: v.grad for k, v in leaves.items() if v.grad is not None}


def one_task(data: Transitions, i: int) -> Transitions:
    """Task `i` of several."""
    return Transitions(*(x[i] for x in data))
