"""What a learner computes on its way to a loss, counted on one task before an iteration is tried on many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from agents.learner import Learner, Params, SupervisedTask, map_tensors
from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.training.estimate import FLOAT, available, gib

KEPT = 0.75  # of all that is computed for a loss, at the peak; measured on few-shot learners: 0.4 to 0.8
COPIES = 1000.0  # of an image, at least before anything is counted; measured: 40 to 2600 are computed
MANY = 10_000  # tasks without images, of which one is counted; chosen


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves it unannotated
    """Counts the bytes of every tensor that is no view of another; UserError where `tasks` times them do not fit."""

    def __init__(self, tasks: int, device: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # likewise
        self.tasks, self.device, self.free = tasks, device, available(device)
        self.bytes = 0

    def __torch_dispatch__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = function(*args, **(kwargs or {}))
        before = {_place(x) for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)}
        made = [x for x in tree_leaves(out) if isinstance(x, Tensor) and _place(x) not in before]
        self.bytes += sum(x.numel() * x.element_size() for x in made)
        needed = self.bytes * self.tasks * KEPT
        if needed > self.free:
            raise UserError(
                f"{self.tasks:,} tasks that are differentiated together need more than {gib(needed)}, but "
                f"{gib(self.free)} of memory are free on {self.device}: lower train.num_tasks, the size of a task, or "
                "the widths of the learner"
            )
        return out


def _place(x: Tensor) -> int:
    return x.untyped_storage().data_ptr()


def check_activations(
    config: Config, learner: Learner[Any], theta: Params, family: Any, tasks: int, device: str
) -> None:
    """Raise UserError where the loss of so many supervised tasks at once does not fit the memory.

    Only where that is not plain from the size of their images; random numbers are its own.
    """
    plain = tasks * config.tasks.pixels * FLOAT * COPIES < available(device) and tasks < MANY
    if config.tasks.is_supervised and not plain:
        count_loss(learner, theta, one_task(family, device), tasks, device)


def one_task(family: Any, device: str = "cpu") -> SupervisedTask:
    """A task for training."""
    support, query = family.examples(family.sample(1, "train", torch.Generator().manual_seed(0)))
    return map_tensors(SupervisedTask((support,), query), lambda x: x[0].to(device))


def count_loss(learner: Learner[Any], theta: Params, task: SupervisedTask, tasks: int = 1, device: str = "cpu") -> int:
    """Bytes of all that is computed for the loss of one task. Raises UserError where those of `tasks` do not fit."""
    leaves = {k: v.detach().to(device).requires_grad_() for k, v in theta.items()}
    with torch.enable_grad(), _Counter(tasks, device) as counter:
        learner.loss(leaves, task)
    return int(counter.bytes)
