"""Trainings as jobs of a cluster; submitit's local executor stands in for Slurm."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from metarl.cli.app import main
from metarl.distributed import slurm as cluster
from metarl.distributed.slurm import Job
from metarl.runs import folder as runs


def said_by(words: list[str], capfd: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(SystemExit) as left:
        main(words)
    out, err = capfd.readouterr()
    return int(left.value.code or 0), out + err


def test_every_node_is_told_where_to_meet() -> None:
    job: Any = SimpleNamespace(job_id="41", hostnames=["first", "second"], cluster="slurm")
    one, two = Job(("train", "x"), 1, 4, 3).words(job), Job(("train", "x"), 2, 4, 3).words(job)
    assert one[one.index("--rdzv-endpoint") + 1] == "localhost:0"
    host, port = two[two.index("--rdzv-endpoint") + 1].split(":")
    assert host == "first"
    assert 20_000 <= int(port) < 60_000
    assert two[two.index("--nnodes") + 1] == "2"
    assert two[two.index("--nproc-per-node") + 1] == "4"
    assert two[two.index("--max-restarts") + 1] == "3"
    assert two[-4:] == ["-m", "metarl", "train", "x"]


def test_a_job_whose_time_is_up_asks_its_processes_to_save(monkeypatch: pytest.MonkeyPatch) -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    monkeypatch.setattr(cluster, "_running", process)
    job = Job(("train", "x"))
    again = job.checkpoint()
    assert again.function == job
    assert process.poll() == -15


def test_a_submitted_job_trains(workdir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """On this machine, by two processes, with a list among its settings."""
    words = "submit maml_point --cluster local --processes 2 --train.iterations 2 --train.num_tasks 2".split()
    words += "--train.episodes 2 --train.num_threads 1 --policy.hidden [4]".split()
    code, said = said_by(words, capfd)
    assert code == 0, said
    run = runs.find("maml_point")
    assert len(run.records()) == 2
    assert run.config.policy.hidden == (4,) or run.config.policy.hidden == [4]
    assert "what it says: " in said


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("maml_point", 'Could not detect "srun"'),
        ("maml_pont", "did you mean maml_point?"),
        ("maml_point --nodes 3 --processes 8 --train.num_tasks 20", "at least one for each of the 24 processes"),
        ("maml_point --nodes 0", "--nodes is 0, expected 1 to 100000"),
        ("maml_point --hours 0", "--hours is 0, expected 0.01 to 10000"),
        ("maml_point --also account", "--also got 'account', expected name=value"),
    ],
)
def test_mistakes_are_said_before_a_job_waits_in_a_queue(
    words: str, told: str, workdir: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, said = said_by(["submit", *words.split()], capfd)
    assert code == 2
    assert told in said
