"""Policies with constant actions."""

from __future__ import annotations

import torch
from torch import Tensor

from envs.core import Action, Variable

BOTH = Variable("direction", ((-1.0, -1.0), (1.0, 1.0)))


def act_with(act: Tensor) -> Action:
    return Action(act, torch.zeros(act.shape[:-1]), act, torch.zeros_like(act))


def constant_policy(obs: Tensor, generator: torch.Generator) -> Action:
    return act_with(torch.full((*obs.shape[:-1], 6), 3.0))
