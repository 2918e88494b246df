"""What is asked of memory while a network is made: too much is said before any of it is taken."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from metarl.errors import UserError
from metarl.training.estimate import FLOAT, PARAMETER_COPIES, available, gib

MAKERS = (torch.empty, torch.zeros, torch.ones, torch.randn, torch.rand, torch.full)  # of new tensors, of a size


class BoundedNetwork(TorchFunctionMode):
    """Within it tensors are made as long as what a training keeps of them fits the memory; then UserError.

    Every learner makes its parameters of new tensors, so that nothing has to be known of its layers.
    """

    def __init__(self, device: str = "cpu") -> None:
        super().__init__()
        self.device, self.free, self.needed = device, available(device), 0.0

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if function in MAKERS:
            self.needed += float(_count(args, kwargs or {})) * FLOAT * PARAMETER_COPIES
            if self.needed > self.free:
                raise UserError(
                    f"the network needs more than {gib(self.needed)} for its parameters and their optimiser, but "
                    f"{gib(self.free)} of memory are free on {self.device}: lower the widths of learner or policy"
                )
        return function(*args, **(kwargs or {}))


def _count(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """Elements of a tensor of the size that is asked for."""
    size = kwargs.get("size", args[0] if args and isinstance(args[0], (tuple, list)) else args)
    return math.prod(int(n) for n in size)
