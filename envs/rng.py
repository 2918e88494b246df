"""Chance: what every draw of a rollout is made by, so that tasks can be shared out among processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


class ShardGenerator(torch.Generator):
    """The chance of tasks `first` to `last` of `total`, made by `share_of`.

    What `uniform` and `normal` draw by it is drawn for all tasks, and the share of those is given: a task has the same
    luck whichever process lives through it. Everything else draws by it as by any generator.
    """

    first: int
    last: int  # the first that is not its own
    total: int


def shard_generator(generator: torch.Generator, first: int, last: int, total: int) -> ShardGenerator:
    """A generator in the same state, on the same device, for tasks `first` to `last` (exclusive) of `total`."""
    share = ShardGenerator(generator.device)
    share.set_state(generator.get_state())
    share.first, share.last, share.total = first, last, total
    return share


def on_device(device: torch.device, generator: torch.Generator) -> torch.Generator:
    """The generator itself where it is there already, else one there that it seeds."""
    if generator.device.type == device.type:
        return generator
    there = torch.Generator(device).manual_seed(int(torch.randint(2**62, (), generator=generator)))
    return (
        shard_generator(there, generator.first, generator.last, generator.total)
        if isinstance(generator, ShardGenerator)
        else there
    )


def uniform(
    shape: Sequence[int], generator: torch.Generator, *, axis: int = 0, dtype: torch.dtype | None = None
) -> Tensor:
    """Numbers in [0, 1) on the device of the generator; `axis` is that of tasks, or of worlds, task-major."""
    return _draw(torch.rand, shape, generator, axis, dtype)


def normal(
    shape: Sequence[int], generator: torch.Generator, *, axis: int = 0, dtype: torch.dtype | None = None
) -> Tensor:
    """Numbers of mean 0 and deviation 1; otherwise as `uniform`."""
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
    each, whole = shape[axis] // (generator.last - generator.first), list(shape)
    whole[axis] = each * generator.total
    return kind(whole, **options).narrow(axis, each * generator.first, shape[axis])
