"""Several processes that train together give the result of one, and resume by themselves when one is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Set
from pathlib import Path

import pytest
import torch

from envs import rng
from metarl.cli.app import main
from metarl.config.experiment import Config
from metarl.distributed.process_group import SINGLE_PROCESS, Ranks
from metarl.errors import UserError
from metarl.runs import checkpoint, folder
from tests.together import ROOT, distance, load_file, together, trained

OPTIONS = (
    "--train.iterations 24 --train.num_tasks 3 --train.episodes 4 --train.num_threads 1 --train.checkpoint_every 4"
)
TRAIN = ["-m", "metarl", "train", "maml_point", *OPTIONS.split()]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def shards(parts: int, tasks: int) -> list[rng.ShardGenerator]:
    out = []
    for rank in range(parts):
        own = Ranks(rank, parts).shard(tasks)
        out.append(rng.shard_generator(torch.Generator().manual_seed(3), own.start, own.stop, tasks))
    return out


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("draw", [rng.uniform, rng.normal])
def test_every_task_has_its_own_random_numbers_in_whichever_process(
    draw: Callable[..., torch.Tensor], axis: int
) -> None:
    """Five tasks of two worlds, in one and in three processes; twice, since later draws must agree too."""
    alone, some = torch.Generator().manual_seed(3), shards(3, 5)
    for _ in range(2):
        whole = draw((10, 4) if axis == 0 else (4, 10), alone, axis=axis)
        counts = [2 * (s.last - s.first) for s in some]
        assert sorted(counts) == [2, 4, 4]
        parts = [draw((n, 4) if axis == 0 else (4, n), s, axis=axis) for n, s in zip(counts, some, strict=True)]
        assert torch.equal(torch.cat(parts, axis), whole)
    assert all(torch.equal(s.get_state(), alone.get_state()) for s in some)


def test_a_shard_generator_stays_one_on_another_device() -> None:
    class Elsewhere(rng.ShardGenerator):
        @property
        def device(self) -> torch.device:  # type: ignore[override]  # an attribute of torch's
            return torch.device("meta")

    shard = Elsewhere()
    shard.first, shard.last, shard.total = 1, 3, 4
    there = rng.on_device(torch.device("cpu"), shard)
    assert isinstance(there, rng.ShardGenerator)
    assert (there.first, there.last, there.total) == (1, 3, 4)
    assert rng.on_device(torch.device("cpu"), there) is there


def test_tasks_are_sharded_evenly_and_completely() -> None:
    for count in range(1, 8):
        own = [Ranks(r, count).shard(7) for r in range(count)]
        assert [i for s in own for i in range(7)[s]] == list(range(7))
        assert max(s.stop - s.start for s in own) - min(s.stop - s.start for s in own) <= 1
    with pytest.raises(UserError, match="num_tasks is 3, expected at least one for each of the 4 processes"):
        Ranks(0, 4).shard(3)


def test_a_single_process_gets_its_own_values_back() -> None:
    x = torch.randn(3)
    assert SINGLE_PROCESS.all_reduce_sum(x) is x
    assert SINGLE_PROCESS.mean([x], 0.0)[0] is x
    assert SINGLE_PROCESS.broadcast(b"words") == b"words"


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    """Five tasks, two and three a process: every kind of outer step, recurrent learners with minibatches of trials and
    of episodes, joint training and the oracle with those of steps, images. TRPO's linear system is ill-conditioned: it
    amplifies rounding the most, to 1.0e-3.
    """
    names = ["maml_point", "maml_trpo_cheetah_direction", "reptile_cheetah_direction"]
    names += [
        "joint_robot",
        "oracle_robot",
        "gru_robot",
        "gru_episode_robot",
        "snail_bandit",
        "fomaml_omniglot",
        "ntm_copy",
    ]
    together(names, 2, tmp_path)
    for name in names:
        start, alone = trained(name, 2)
        both = load_file(tmp_path / f"{name}.safetensors")
        assert both.keys() == alone.keys()
        bound = 3e-3 if "trpo" in name else 3e-5  # of the parameters' norm; Adam amplifies rounding, up to 1.2e-5 seen
        assert distance(both, alone) < bound < distance(start, alone), name
        for kept in ("seen.mean", "ret.var", "seen.count"):
            if kept in alone:
                torch.testing.assert_close(both[kept], alone[kept], rtol=1e-4, atol=1e-5)


def started(*options: str) -> subprocess.Popen[str]:
    """torchrun, in a process group of its own."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *options]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen([*command, *TRAIN], env=ENVIRONMENT, text=True, start_new_session=True, **pipes)  # type: ignore[call-overload, no-any-return]


def workers(parent: int) -> list[int]:
    """The processes that torchrun started, in the order of their ranks."""
    found = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return sorted(int(pid) for pid in found if b"metarl" in Path(f"/proc/{pid}/cmdline").read_bytes())


def wait_for_checkpoint(iteration: int, process: subprocess.Popen[str], besides: Set[Path] = frozenset()) -> Path:
    """The run folder, once it has that checkpoint."""
    while True:
        for path in set(Path("runs").glob("maml_point/*")) - besides:
            if (path / "checkpoints" / f"iteration_{iteration:07d}").is_dir():
                return path
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds processes in /proc")
def test_training_resumes_bit_exactly_when_a_process_is_killed(workdir: Path) -> None:
    """Each of the two is killed once; training ends with the same bits as one without interruptions."""
    whole = started()
    output = whole.communicate()[0]
    assert whole.returncode == 0, output
    first = folder.find("maml_point")
    assert [r["iteration"] for r in first.records()] == list(range(1, 25))
    assert output.count("reproduce: metarl train") == 1  # only the first process prints

    killed = started("--max-restarts", "2")
    for rank, iteration in ((1, 4), (0, 12)):
        wait_for_checkpoint(iteration, killed, {first.path})
        os.kill(workers(killed.pid)[rank], signal.SIGKILL)
    output = killed.communicate()[0]
    assert killed.returncode == 0, output
    assert output.count("resuming runs/maml_point") == 2
    second = next(r for r in folder.every() if r.path != first.path)
    assert [r["iteration"] for r in second.records()] == list(range(1, 25))
    a, b = (checkpoint.packed(checkpoint.load_newest(r.checkpoints)._replace(seconds=0.0)) for r in (first, second))
    assert a == b


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds processes in /proc")
def test_all_processes_stop_and_save_when_one_is_asked_to(workdir: Path) -> None:
    both = started()
    run = folder.Run(wait_for_checkpoint(4, both))
    os.kill(workers(both.pid)[1], signal.SIGTERM)
    output = both.communicate()[0]
    assert f"stopped and saved; resume with: metarl resume {run.path}" in output
    reached = checkpoint.load_newest(run.checkpoints).iteration
    assert 4 <= reached == run.records()[-1]["iteration"] < 24


def test_restarted_processes_find_their_run(
    small: Callable[..., Config], workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By their launch, finished or not; by a requeued job, only an unfinished run; never with other settings."""
    config, other = small("maml_point"), small("maml_point", seed=1)
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    run = folder.create("maml_point", config, "", "one")
    assert folder.create("maml_point", config, "").path != run.path
    assert folder.find_resumable("maml_point", config, None) is None
    assert folder.find_resumable("maml_point", config, "two") is None
    assert folder.find_resumable("maml_point", other, "one") is None

    def found(launch: str) -> Path | None:
        again = folder.find_resumable("maml_point", config, launch)
        return again.path if again else None

    assert found("one") == run.path
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert found("two") == run.path
    for name in ("diverged.txt", "broke_down.txt"):  # the second is the name in version 0.11
        (run.path / name).write_text("the loss was NaN")
        assert found("one") == run.path
        assert found("two") is None
        (run.path / name).unlink()
    (run.checkpoints / "iteration_0000002").mkdir(parents=True)
    assert found("one") == run.path
    assert found("two") is None


def test_several_processes_only_train(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(os, "_exit", sys.exit)  # exits without waiting for the other processes
    with pytest.raises(SystemExit) as left:
        main(["list", "configs"])
    assert left.value.code == 2
    assert "error: process 1 of 2: several processes train together" in capfd.readouterr().err
