"""What started this process, as far as it is one of several: read from the environment, without torch."""

from __future__ import annotations

import os


def rank_and_size() -> tuple[int, int] | None:
    """Its number among how many processes that train together; None where it was started by itself."""
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
        return None
    return int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])


def is_secondary_rank() -> bool:
    """Whether it is not the first of several, which speaks for all."""
    among = rank_and_size()
    return among is not None and among[0] > 0


def local_rank() -> int:
    """Which of the processes on this machine it is."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def local_count() -> int:
    """Processes that train together on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if rank_and_size() else 1


def job() -> str | None:
    """What names a job that a cluster may put back in its queue: METARL_JOB, or Slurm's number."""
    named, slurm = os.environ.get("METARL_JOB"), os.environ.get("SLURM_JOB_ID")
    return named or (f"slurm-{slurm}" if slurm else None)


def was_requeued() -> bool:
    """Whether a job may have been started before: Slurm counts that, and METARL_JOB says so."""
    return "METARL_JOB" in os.environ or os.environ.get("SLURM_RESTART_COUNT", "0") != "0"
