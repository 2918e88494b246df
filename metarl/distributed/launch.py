"""How this process was launched, as one of several or alone: read from the environment, without torch."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Mapping

from metarl.errors import UserError

MAX_PROCESSES = 1_000_000  # chosen
COUNTS = ("LOCAL_WORLD_SIZE", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "WORLD_SIZE")  # from 1
RANKS = ("LOCAL_RANK", "MASTER_PORT", "RANK", "SLURM_RESTART_COUNT")  # from 0
JOBS = ("METARL_JOB", "SLURM_JOB_ID")  # names
_ADDRESS = re.compile(r"(?=.*\w)[\w.:%-]{1,255}", re.ASCII)
MAX_NAME = 200  # characters of one; chosen
PORTS = 2**16
ADDRESS_WAIT, PAUSE = 20.0, 0.5  # s; chosen


def check_environment(environment: Mapping[str, str] = os.environ) -> None:
    """Raise UserError for a variable that does not hold the number that it should."""
    numbers = {name: _number(environment, name, 1) for name in COUNTS} | {
        name: _number(environment, name, 0) for name in RANKS
    }
    if numbers["MASTER_PORT"] >= PORTS:
        raise UserError(f"MASTER_PORT is {numbers['MASTER_PORT']}, expected a port below {PORTS}")
    for name in JOBS:
        text = environment.get(name, "")
        if len(text) > MAX_NAME or not text.isprintable():
            what = f"{len(text)} characters" if len(text) > MAX_NAME else repr(text)
            raise UserError(f"{name} is {what}, expected the name of a job in up to {MAX_NAME} letters: unset it")
    if "RANK" not in environment or "WORLD_SIZE" not in environment:
        return
    for rank, count in (("RANK", "WORLD_SIZE"), ("LOCAL_RANK", "LOCAL_WORLD_SIZE")):
        if rank in environment and count in environment and numbers[rank] >= numbers[count]:
            raise UserError(
                f"{rank} is {numbers[rank]} and {count} is {numbers[count]}, expected a rank below it: start with "
                "torchrun, or unset both"
            )


def check_rendezvous(environment: Mapping[str, str] = os.environ) -> None:
    """Raise UserError where processes are to train together but are not told where they meet."""
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        if not environment.get(name):
            raise UserError(f"RANK and WORLD_SIZE are set, but {name} is not: start with torchrun, or unset them")
    address, port = environment["MASTER_ADDR"], environment["MASTER_PORT"]
    if not _ADDRESS.fullmatch(address):
        raise UserError(f"MASTER_ADDR is {address[:80]!r}, expected the name or the number of a machine")
    if not int(port):
        raise UserError("MASTER_PORT is 0, expected the port at which the first process listens: start with torchrun")


def check_address(address: str, wait: float = ADDRESS_WAIT) -> None:
    """Raise UserError for the name of a machine that nobody knows, which torch would wait ten minutes for.

    wait: s; on a cluster names may become known a moment after processes have started.
    """
    give_up = time.monotonic() + wait
    while True:
        try:
            socket.getaddrinfo(address, None)
            return
        except (OSError, UnicodeError) as error:
            if time.monotonic() >= give_up:
                raise UserError(
                    f"MASTER_ADDR is {address!r}, and no machine of that name is found ({error}): give the name or the "
                    "number of the machine of the first process"
                ) from None
        time.sleep(PAUSE)


def _number(environment: Mapping[str, str], name: str, least: int) -> int:
    text = environment.get(name, str(least)).strip()
    first = text.split(",")[0] if name.endswith("_THREADS") else text  # OpenMP takes one number for each level
    if not (first.isascii() and first.isdecimal() and len(first) < 10 and least <= int(first) <= MAX_PROCESSES):
        expected = f"expected a whole number from {least} to {MAX_PROCESSES:,}"
        raise UserError(f"the environment variable {name} is {text[:80]!r}, {expected}: set it right, or unset it")
    return int(first)


def rank_and_size() -> tuple[int, int] | None:
    """Its rank, and the number of processes that train together; None where it was launched alone.

    What `check_environment` refuses counts as alone.
    """
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
        return None
    try:
        return _number(os.environ, "RANK", 0), _number(os.environ, "WORLD_SIZE", 1)
    except UserError:
        return None


def is_secondary_rank() -> bool:
    """Whether it is one of several processes, and not the first, which alone prints and writes."""
    launched = rank_and_size()
    return launched is not None and launched[0] > 0


def local_rank() -> int:
    """Its rank among the processes on this machine."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def local_count() -> int:
    """How many processes train together on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if rank_and_size() else 1


def job() -> str | None:
    """The identifier of a job that a cluster may put back in its queue: METARL_JOB, or Slurm's number."""
    named, slurm = os.environ.get("METARL_JOB"), os.environ.get("SLURM_JOB_ID")
    return named or (f"slurm-{slurm}" if slurm else None)


def was_requeued() -> bool:
    """Whether the job may have been started before: Slurm counts restarts, METARL_JOB implies it."""
    return "METARL_JOB" in os.environ or os.environ.get("SLURM_RESTART_COUNT", "0") != "0"
