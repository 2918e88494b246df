"""Several processes that train together, on one machine or many: who lives through which tasks, and one result of all.

Started by `torchrun`, or by whatever else sets RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE, MASTER_ADDR and
MASTER_PORT. Every process samples the same tasks and lives through a share of them (`envs.rng` gives each task its
own luck); what they come to is summed by `torch.distributed`, and so every process takes the same step. The first one
writes.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from metarl.distributed.launch import local_rank, rank_and_size
from metarl.errors import UserError

LETTING_GO = 0.1  # s in which gloo's threads free the last tensors, for which they need an interpreter that still runs
PATIENCE = timedelta(minutes=10)  # with one that does not answer; chosen: a first start compiles for a minute or two


@dataclass(frozen=True)
class Ranks:
    """This process among `count`. On its own, everything it is asked for is its own.

    launch: what those have in common that one call of torchrun started, also when it started them again.
    """

    rank: int = 0
    count: int = 1
    launch: str | None = None

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def __str__(self) -> str:
        return "" if self.count == 1 else f"; {self.count} processes"

    def shard(self, tasks: int) -> slice:
        """Which of so many tasks this process lives through: as many as the others, or one more or less.

        Raises UserError where there are fewer tasks than processes.
        """
        if tasks < self.count:
            raise UserError(
                f"train.num_tasks is {tasks}, expected at least one for each of the {self.count} processes: raise it, "
                "or start fewer"
            )
        return slice(self.rank * tasks // self.count, (self.rank + 1) * tasks // self.count)

    def place(self, length: int, tasks: int) -> tuple[int, int]:
        """Where an axis of its own tasks, task-major, begins in that of all `tasks`, and how long that is."""
        own = self.shard(tasks)
        each = length // (own.stop - own.start)
        return own.start * each, tasks * each

    def all_reduce_sum(self, x: Tensor) -> Tensor:
        """The sum of everybody's x, of one shape; the same bits everywhere."""
        if self.count == 1:
            return x
        x = x.clone()
        with _answering():
            dist.all_reduce(x)
        return x

    def any(self, here: bool) -> bool:
        """Whether it is so for anybody."""
        return bool(self.all_reduce_sum(torch.tensor(int(here))))

    def mean(self, values: Sequence[Tensor], weight: float) -> list[Tensor]:
        """The mean of everybody's values, weighted by counts; of a weight of 0 they are left out, whatever they are."""
        if self.count == 1:
            return list(values)
        weighted = [(v * weight if weight else torch.zeros_like(v)).flatten() for v in values]
        flat = self.all_reduce_sum(torch.cat([*weighted, values[0].new_tensor([weight])]))
        parts = torch.split(flat[:-1] / flat[-1].clamp_min(1.0), [v.numel() for v in values])
        return [part.view_as(v) for part, v in zip(parts, values, strict=True)]

    def broadcast(self, content: bytes) -> bytes:
        """What the first process has; of the others nothing is taken."""
        if self.count == 1:
            return content
        with _answering():
            size = torch.tensor(len(content))
            dist.broadcast(size, 0)
            data = torch.empty(int(size), dtype=torch.uint8)
            if self.is_first and content:
                data.copy_(torch.frombuffer(bytearray(content), dtype=torch.uint8))
            dist.broadcast(data, 0)
        return data.numpy().tobytes()


SINGLE_PROCESS = Ranks()


@contextmanager
def _answering() -> Iterator[None]:
    """UserError where others are lost. Of what runs on cards NCCL's watchdog tells, and ends the process."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        said = " ".join(str(error).split())[:200]
        raise UserError(
            f"the other processes do not answer ({said}): where one of them stopped, what it said tells why; start "
            "again, or let torchrun do so with --max-restarts, and training goes on from the last checkpoint"
        ) from None


@contextmanager
def process_group() -> Iterator[Ranks]:
    """This process among those that it was started with; alone where it was started by itself.

    Where it fails, the others find out when they next wait for it.
    """
    among = rank_and_size()
    if among is None:
        yield SINGLE_PROCESS
        return
    ranks = Ranks(*among)
    if cards := torch.cuda.device_count():
        torch.cuda.set_device(local_rank() % cards)
    with _answering():
        meeting = dist.rendezvous("env://", timeout=PATIENCE)  # type: ignore[attr-defined]
        store = next(meeting)[0]
        launch = store.compare_set("launch", "", secrets.token_hex(8)).decode()  # of those that came first
        backend = "cpu:gloo,cuda:nccl" if cards else "gloo"
        dist.init_process_group(
            backend, timeout=PATIENCE, store=_assembled(store, ranks), rank=ranks.rank, world_size=ranks.count
        )
    yield replace(ranks, launch=launch)
    with _answering():
        dist.barrier()  # until the first has written all
    dist.destroy_process_group()
    time.sleep(LETTING_GO)


def _assembled(store: Any, ranks: Ranks) -> Any:
    """A part of a store of torch's that nobody has used before, once everybody is there.

    What torchrun starts again finds in its store what those before it left, addresses of the dead among it. So each
    process leaves word of itself that is new; the first answers whatever it finds with the number of this assembly,
    until all have confirmed it.
    """
    if ranks.is_first:
        number = str(store.add("assemblies", 1))
        waiting = set(range(1, ranks.count))
        deadline = time.monotonic() + PATIENCE.total_seconds()
        while waiting:
            for rank in sorted(waiting):
                if store.check([f"{number}/{rank}"]):
                    waiting.discard(rank)
                elif store.check([f"word/{rank}"]):
                    store.set(f"answer/{store.get(f'word/{rank}').decode()}", number)
            if time.monotonic() > deadline:
                raise RuntimeError(f"{len(waiting)} processes did not come")
            time.sleep(0.02)
    else:
        word = secrets.token_hex(8)
        store.set(f"word/{ranks.rank}", word)
        number = store.get(f"answer/{word}").decode()
        store.set(f"{number}/{ranks.rank}", "here")
    return dist.PrefixStore(f"assembly {number}", store)  # type: ignore[attr-defined]
