"""Trainings on a cluster."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg

from metarl.cli.common import console, within
from metarl.config import files as settings
from metarl.config import plugins
from metarl.errors import UserError
from metarl.runs.names import name_of_config


@dataclass
class Submit:
    """Train a config as a job of a Slurm cluster, on one node or many; any setting is changed by --section.key VALUE.

        metarl submit maml_cheetah_direction --nodes 2 --processes 8 --gpus 8 --hours 12 --also account=team

    The tasks of every iteration are shared out among all processes. A process that is lost is followed by a new start
    from the last checkpoint; a job whose time is up saves, and resumes when Slurm starts it again.
    """

    config: Annotated[Positional[str], arg(help="a shipped config's name, or a path", metavar="CONFIG")]
    seed: int | None = None
    """of all random numbers; by default the config's"""
    nodes: int = 1
    """machines"""
    processes: int = 1
    """on each of them; with GPUs, one for each GPU"""
    gpus: int = 0
    """GPUs of each machine"""
    cores: int = 1
    """CPU cores of each process"""
    memory_gib: int = 0
    """of each machine; 0: what the cluster gives"""
    hours: float = 24.0
    """after which it saves and is put back in the queue"""
    partition: str = ""
    """of the cluster; by default the cluster's own"""
    restarts: int = 10
    """how often a lost process may be followed by a new start"""
    also: tuple[str, ...] = ()
    """further options of sbatch, as name=value"""
    logs: Path = Path("runs/jobs")
    """folder of what jobs say; submitit puts its own files there too, which it writes and reads by pickle"""
    cluster: Literal["slurm", "local"] = "slurm"
    """local runs the same on this machine, and waits for it"""

    def __call__(self, overrides: dict[str, Any]) -> int:
        for name in ("nodes", "processes", "cores"):
            within(name, getattr(self, name), 1, 100_000)
        for name in ("gpus", "memory_gib", "restarts"):
            within(name.replace("_", "-"), getattr(self, name), 0, 100_000)
        if not 0.01 <= self.hours <= 10_000:
            raise UserError(f"--hours is {self.hours:g}, expected 0.01 to 10000")
        if wrong := [word for word in self.also if "=" not in word]:
            raise UserError(f"--also got {wrong[0]!r}, expected name=value, for example account=team")
        overrides = overrides | ({} if self.seed is None else {"seed": self.seed})
        path = settings.find(self.config)
        tasks, world_size = settings.load(path, overrides).train.num_tasks, self.nodes * self.processes
        if tasks < world_size:
            raise UserError(f"train.num_tasks is {tasks}, expected at least one for each of the {world_size} processes")
        if not importlib.util.find_spec("submitit"):
            raise UserError("submitit is not installed: pip install -e '.[slurm]'")
        words = [word for key, value in overrides.items() for word in (f"--{key}", json.dumps(value))]
        return self._submit(name_of_config(path), ("train", self.config, *words, *plugins.as_options()))

    def _submit(self, name: str, command: tuple[str, ...]) -> int:
        import submitit

        from metarl.distributed.slurm import Job

        try:
            executor = submitit.AutoExecutor(self.logs, cluster=self.cluster)
        except RuntimeError as error:
            raise UserError(f"{error}; --cluster local runs the same on this machine") from None
        executor.update_parameters(
            name=name,
            nodes=self.nodes,
            tasks_per_node=1,
            cpus_per_task=self.cores * self.processes,
            timeout_min=int(self.hours * 60),
            stderr_to_stdout=True,
            slurm_additional_parameters={"requeue": True} | dict(word.split("=", 1) for word in self.also),
            **({"gpus_per_node": self.gpus} if self.gpus else {}),
            **({"mem_gb": self.memory_gib} if self.memory_gib else {}),
            **({"slurm_partition": self.partition} if self.partition else {}),
        )
        try:
            job = executor.submit(Job(command, self.nodes, self.processes, self.restarts))
        except (RuntimeError, ValueError, OSError, submitit.core.utils.FailedJobError) as error:
            raise UserError(f"{self.cluster} did not take the job: {' '.join(str(error).split())}") from None
        console.print(f"job {job.job_id}; what it says: {job.paths.stdout}", soft_wrap=True, highlight=False)
        if self.cluster == "slurm":
            return 0
        if job.exception() is not None:
            raise UserError(f"the job failed: {job.paths.stdout} says why")
        return 0
