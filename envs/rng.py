"""Random numbers of rollouts, drawn so that a task gets the same ones in whichever process it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


class ShardGenerator(torch.Generator):
    """A generator for tasks `first` to `last` (exclusive) of `total`, made by `shard_generator`.

    `uniform` and `normal` draw numbers for all tasks with it and return those of its own. Other functions use it as an
    ordinary generator.
    """

    first: int
    last: int  # exclusive
    total: int


def shard_generator(generator: torch.Generator, first: int, last: int, total: int) -> ShardGenerator:
    """A generator in the same state, on the same device, for tasks `first` to `last` (exclusive) of `total`."""
    shard = ShardGenerator(generator.device)
    shard.set_state(generator.get_state())
    shard.first, shard.last, shard.total = first, last, total
    return shard


def on_device(device: torch.device, generator: torch.Generator) -> torch.Generator:
    """The generator itself if it is on the device, else a new one there that is seeded from it."""
    if generator.device.type == device.type:
        return generator
    return seeded(int(torch.randint(2**62, (), generator=generator)), device, generator)


def seeded(seed: int, device: torch.device, like: torch.Generator) -> torch.Generator:
    """A new generator on the device, for the tasks of another one."""
    new = torch.Generator(device).manual_seed(seed)
    return shard_generator(new, like.first, like.last, like.total) if isinstance(like, ShardGenerator) else new


def uniform(
    shape: Sequence[int], generator: torch.Generator, *, axis: int = 0, dtype: torch.dtype | None = None
) -> Tensor:
    """Numbers in [0, 1) on the device of the generator; `axis` is the axis of tasks, or of worlds, task-major."""
    return _draw(torch.rand, shape, generator, axis, dtype)


def normal(
    shape: Sequence[int], generator: torch.Generator, *, axis: int = 0, dtype: torch.dtype | None = None
) -> Tensor:
    """Numbers with mean 0 and standard deviation 1; otherwise as `uniform`."""
    return _draw(torch.randn, shape, generator, axis, dtype)


def _draw(
    kind: Callable[..., Tensor],
    shape: Sequence[int],
    generator: torch.Generator,
    axis: int,
    dtype: torch.dtype | None,
) -> Tensor:
    options = {"generator": generator, "device": generator.device, "dtype": dtype}
    if not isinstance(generator, ShardGenerator):
        return kind(shape, **options)
    per_task, full = shape[axis] // (generator.last - generator.first), list(shape)
    full[axis] = per_task * generator.total
    return kind(full, **options).narrow(axis, per_task * generator.first, shape[axis])
