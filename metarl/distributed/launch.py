"""How this process was launched, as one of several or alone: read from the environment, without torch."""

from __future__ import annotations

import os


def rank_and_size() -> tuple[int, int] | None:
    """Its rank, and the number of processes that train together; None where it was launched alone."""
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
        return None
    return int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])


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
