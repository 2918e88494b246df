"""A training as a job of a cluster: torchrun on every node, gone on with when the job is put back in the queue."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import zlib
from dataclasses import dataclass

import submitit
from submitit.helpers import DelayedSubmission

GRACE = 60  # s in which processes that were asked to stop save; torchrun kills after 30

_running: subprocess.Popen[bytes] | None = None  # of this process, which is one job


@dataclass(frozen=True)
class Job:
    """What every node of a job runs: `processes` that train together with those of the other nodes.

    command: words of `metarl`. restarts: how often a lost process may be followed by a new start.
    """

    command: tuple[str, ...]
    nodes: int = 1
    processes: int = 1
    restarts: int = 10

    def __call__(self) -> None:
        """Train to the end. RuntimeError where it fails."""
        global _running
        job = submitit.JobEnvironment()
        _running = subprocess.Popen(self.words(job), env=os.environ | {"METARL_JOB": f"{job.cluster}-{job.job_id}"})
        while (code := _running.poll()) is None:  # not wait(), which `checkpoint` comes in between of and needs too
            time.sleep(0.2)
        if code:
            raise RuntimeError(f"training ended with exit code {code}; what it said is above")

    def words(self, job: submitit.JobEnvironment) -> list[str]:
        """The command line of a node: every node names the first as the place to meet.

        A job that is put back in the queue keeps its number, by which its processes find the run that they go on with.
        """
        port = 20_000 + zlib.crc32(job.job_id.encode()) % 40_000
        meeting = "localhost:0" if self.nodes == 1 else f"{job.hostnames[0]}:{port}"
        torchrun = [sys.executable, "-m", "torch.distributed.run"]
        torchrun += ["--nnodes", str(self.nodes), "--nproc-per-node", str(self.processes)]
        torchrun += ["--max-restarts", str(self.restarts), "--rdzv-backend", "c10d", "--rdzv-endpoint", meeting]
        return [*torchrun, "--rdzv-id", f"{job.cluster}-{job.job_id}", "-m", "metarl", *self.command]

    def checkpoint(self) -> DelayedSubmission:
        """Asked by submitit when time is up or the node is wanted: save, and be put back in the queue."""
        if _running is not None:
            _running.terminate()
            try:
                _running.wait(GRACE)
            except subprocess.TimeoutExpired:
                _running.kill()
        return DelayedSubmission(self)
