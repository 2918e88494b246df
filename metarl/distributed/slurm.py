"""A training as a job of a cluster: torchrun on every node, resumed when the job is put back in the queue."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import zlib
from dataclasses import dataclass

import submitit
from submitit.helpers import DelayedSubmission

GRACE = 60  # s for processes to save after they were asked to stop; torchrun kills them after 30

_running: subprocess.Popen[bytes] | None = None  # of this process, which is one job


@dataclass(frozen=True)
class Job:
    """What every node of a job runs: `processes` that train together with those of the other nodes.

    command: arguments of `metarl`. restarts: how often torchrun may start the processes again after one was lost.
    """

    command: tuple[str, ...]
    nodes: int = 1
    processes: int = 1
    restarts: int = 10

    def __call__(self) -> None:
        """Train to the end. Raises RuntimeError where training fails."""
        global _running
        job = submitit.JobEnvironment()
        _running = subprocess.Popen(self.words(job), env=os.environ | {"METARL_JOB": f"{job.cluster}-{job.job_id}"})
        while (code := _running.poll()) is None:  # not wait(): `checkpoint` interrupts it, and calls wait() itself
            time.sleep(0.2)
        if code:
            raise RuntimeError(f"training ended with exit code {code}; its output is above")

    def words(self, job: submitit.JobEnvironment) -> list[str]:
        """The command line of a node; the rendezvous of all nodes is on the first.

        A job that is put back in the queue keeps its number, by which its processes find the run to resume.
        """
        port = 20_000 + zlib.crc32(job.job_id.encode()) % 40_000
        rendezvous = "localhost:0" if self.nodes == 1 else f"{job.hostnames[0]}:{port}"
        torchrun = [sys.executable, "-m", "torch.distributed.run"]
        torchrun += ["--nnodes", str(self.nodes), "--nproc-per-node", str(self.processes)]
        torchrun += ["--max-restarts", str(self.restarts), "--rdzv-backend", "c10d", "--rdzv-endpoint", rendezvous]
        return [*torchrun, "--rdzv-id", f"{job.cluster}-{job.job_id}", "-m", "metarl", *self.command]

    def checkpoint(self) -> DelayedSubmission:
        """Save, and be put back in the queue: submitit calls it when time is up or the node is preempted."""
        if _running is not None:
            _running.terminate()
            try:
                _running.wait(GRACE)
            except subprocess.TimeoutExpired:
                _running.kill()
        return DelayedSubmission(self)
