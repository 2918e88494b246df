"""Several processes that train together, on one machine or many: each collects a shard of the tasks.

Started by `torchrun`, or by anything else that sets RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE, MASTER_ADDR and
MASTER_PORT. Every process samples the same tasks and collects rollouts of its shard (`envs.rng` gives each task its own
random numbers, whichever process simulates it); gradients and statistics are summed by `torch.distributed`, so that
every process takes the same step. Only the first process writes.
"""

from __future__ import annotations

import os
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

from metarl.distributed.launch import check_address, check_environment, check_rendezvous, local_rank, rank_and_size
from metarl.errors import UserError

LINGER = 0.1  # s for gloo's threads to free the last tensors, which needs a running interpreter
TIMEOUT = timedelta(
    minutes=10
)  # for a process that does not answer; chosen: a first start compiles for a minute or two


@dataclass(frozen=True)
class Ranks:
    """This process among `count`. Of a single process every collective operation returns its input.

    launch: what all processes of one call of torchrun share, also those that it starts again.
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
        """The tasks of this process: as many as those of any other, or one more or less.

        Raises UserError where there are fewer tasks than processes.
        """
        if tasks < self.count:
            raise UserError(
                f"train.num_tasks is {tasks}, expected at least one for each of the {self.count} processes: raise it, "
                "or start fewer"
            )
        return slice(self.rank * tasks // self.count, (self.rank + 1) * tasks // self.count)

    def place(self, length: int, tasks: int) -> tuple[int, int]:
        """(offset, total length) of the task-major axis of all `tasks`, where this process's part has `length`."""
        own = self.shard(tasks)
        each = length // (own.stop - own.start)
        return own.start * each, tasks * each

    def all_reduce_sum(self, x: Tensor) -> Tensor:
        """The sum of x over all processes, bit for bit the same in each; x has the same shape everywhere."""
        if self.count == 1:
            return x
        x = x.clone()
        with _lost_processes_reported():
            dist.all_reduce(x)
        return x

    def any(self, here: bool) -> bool:
        """Whether `here` is true in any process."""
        return bool(self.all_reduce_sum(torch.tensor(int(here))))

    def mean(self, values: Sequence[Tensor], weight: float) -> list[Tensor]:
        """The mean of each value over all processes, weighted by counts; values of weight 0 are ignored, even NaN."""
        if self.count == 1:
            return list(values)
        weighted = [(v * weight if weight else torch.zeros_like(v)).flatten() for v in values]
        flat = self.all_reduce_sum(torch.cat([*weighted, values[0].new_tensor([weight])]))
        parts = torch.split(flat[:-1] / flat[-1].clamp_min(1.0), [v.numel() for v in values])
        return [part.view_as(v) for part, v in zip(parts, values, strict=True)]

    def broadcast(self, content: bytes) -> bytes:
        """The content that the first process has; that of the others is ignored."""
        if self.count == 1:
            return content
        with _lost_processes_reported():
            size = torch.tensor(len(content))
            dist.broadcast(size, 0)
            data = torch.empty(int(size), dtype=torch.uint8)
            if self.is_first and content:
                data.copy_(torch.frombuffer(bytearray(content), dtype=torch.uint8))
            dist.broadcast(data, 0)
        return data.numpy().tobytes()


SINGLE_PROCESS = Ranks()


@contextmanager
def _lost_processes_reported() -> Iterator[None]:
    """Raise UserError where another process is lost. On GPUs NCCL's watchdog reports it, and ends the process."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"the other processes do not answer ({reason}): the output of the one that stopped says why; start again, "
            "or let torchrun do so with --max-restarts, and training resumes from the last checkpoint"
        ) from None


@contextmanager
def process_group() -> Iterator[Ranks]:
    """The processes that were launched together; `SINGLE_PROCESS` where this one was launched alone.

    Where one fails, the others notice in their next collective operation.
    """
    check_environment()
    launched = rank_and_size()
    if launched is None:
        yield SINGLE_PROCESS
        return
    check_rendezvous()
    check_address(os.environ["MASTER_ADDR"])
    ranks = Ranks(*launched)
    if gpus := torch.cuda.device_count():
        torch.cuda.set_device(local_rank() % gpus)
    with _lost_processes_reported():
        rendezvous = dist.rendezvous("env://", timeout=TIMEOUT)  # type: ignore[attr-defined]
        store = next(rendezvous)[0]
        launch = store.compare_set("launch", "", secrets.token_hex(8)).decode()  # set by whichever came first
        backend = "cpu:gloo,cuda:nccl" if gpus else "gloo"
        dist.init_process_group(
            backend, timeout=TIMEOUT, store=_fresh_store(store, ranks), rank=ranks.rank, world_size=ranks.count
        )
    yield replace(ranks, launch=launch)
    with _lost_processes_reported():
        dist.barrier()  # until the first process has written everything
    dist.destroy_process_group()
    time.sleep(LINGER)


def _fresh_store(store: Any, ranks: Ranks) -> Any:
    """A part of torch's store that nothing was written to before, once every process has arrived.

    Processes that torchrun starts again find in its store what those before them left, addresses of dead ones included.
    Therefore each process announces itself by a fresh token; the first one answers every token with the number of this
    attempt, until all have confirmed that number. Raises RuntimeError where some do not arrive within `TIMEOUT`.
    """
    number = _admit(store, ranks) if ranks.is_first else _join(store, ranks)
    return dist.PrefixStore(f"assembly {number}", store)  # type: ignore[attr-defined]


def _admit(store: Any, ranks: Ranks) -> str:
    """The first process: answer every token until all ranks have confirmed the number of this attempt."""
    number = str(store.add("assemblies", 1))
    missing = set(range(1, ranks.count))
    deadline = time.monotonic() + TIMEOUT.total_seconds()
    while missing:
        for rank in sorted(missing):
            if store.check([f"{number}/{rank}"]):
                missing.discard(rank)
            elif store.check([f"word/{rank}"]):
                store.set(f"answer/{store.get(f'word/{rank}').decode()}", number)
        if time.monotonic() > deadline:
            raise RuntimeError(f"{len(missing)} processes did not arrive")
        time.sleep(0.02)
    return number


def _join(store: Any, ranks: Ranks) -> str:
    """Any other process: announce a token, wait for the number of the attempt, and confirm it."""
    token = secrets.token_hex(8)
    store.set(f"word/{ranks.rank}", token)
    number: str = store.get(f"answer/{token}").decode()
    store.set(f"{number}/{ranks.rank}", "here")
    return number
