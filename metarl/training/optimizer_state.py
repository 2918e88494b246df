"""The state of an optimiser as named tensors, as checkpoints keep it."""

from __future__ import annotations

import torch

from agents.learner import Params


def optimizer_state(optimizer: torch.optim.Optimizer) -> Params:
    """A copy of everything but the rates: `0.exp_avg` is of the first parameter."""
    stored = optimizer.state_dict()["state"]
    return {f"{i}.{k}": v.clone() for i, entry in stored.items() for k, v in entry.items() if v is not None}


def load_optimizer(optimizer: torch.optim.Optimizer, state: Params) -> None:
    """Put back what `optimizer_state` gave; nothing stands for an optimiser that has not begun."""
    whole = optimizer.state_dict() | {"state": {}}
    for key, value in state.items():
        i, name = key.split(".", 1)
        whole["state"].setdefault(int(i), {})[name] = value.clone()
    optimizer.load_state_dict(whole)
