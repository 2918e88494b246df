"""Every config trains; the same seed gives the same bits; stop and resume changes nothing."""

from __future__ import annotations

import io
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest
import torch
from rich.console import Console

from agents.learner import Episode, Learner, Params
from metarl.cli import app
from metarl.config import files as settings
from metarl.config.experiment import Config
from metarl.errors import DivergedError, UserError
from metarl.reporting.video import TrainingVideo
from metarl.runs import checkpoint, environment
from metarl.runs import folder as runs
from metarl.system import rendering
from metarl.training.loop import train
from metarl.training.make import make_trainer
from metarl.training.trainer import Trainer

RATE = {"outer__desired_kl": 1e-7, "outer__target_kl": 0.05, "outer__minibatches": 2}  # the first falls every time
OUTERS: dict[str, Any] = {
    "maml_cheetah_direction": {},
    "maml_trpo_cheetah_direction": {},
    "reptile_cheetah_direction": {"outer": {"kind": "gradient", "optimizer": "adam"}},
    "quickstart_oracle": {},
    "sb3_ppo_robot": {},
    "maml_point": {},
    "gru_point": {},
    "gru_robot": RATE,
    "joint_robot": RATE,
    "oracle_robot": RATE,
    "snail_bandit": {},
    "prototypical_omniglot": {"outer__lr_halve_every": 1},
}


def theta_after(trainer: Trainer, iterations: int) -> dict[str, torch.Tensor]:
    while trainer.iteration < iterations:
        trainer.iterate()
    return trainer.state.theta


@pytest.mark.parametrize("name", settings.names())
def test_every_shipped_config_trains_two_finite_iterations(name: str, small: Callable[..., Config]) -> None:
    trainer = make_trainer(small(name))
    start = trainer.state.theta
    for _ in range(2):
        metrics = trainer.iterate()
        assert all(torch.tensor(float(v)).isfinite() for v in metrics.values())
    theta = trainer.state.theta
    assert all(v.isfinite().all() for v in theta.values())
    assert any(not torch.equal(theta[k], start[k]) for k in theta)


def test_the_same_seed_gives_the_same_bits_and_another_does_not(small: Callable[..., Config]) -> None:
    first, again, other = (theta_after(Trainer(small("maml_cheetah_direction", seed=seed)), 2) for seed in (0, 0, 1))
    assert all(torch.equal(first[k], again[k]) for k in first)
    assert any(not torch.equal(first[k], other[k]) for k in first)


@pytest.mark.parametrize("name", OUTERS)
def test_stop_and_resume_gives_the_same_bits(name: str, small: Callable[..., Config], tmp_path: Path) -> None:
    """Four iterations in one go, and stopped through the disk after each of them."""
    config = small(name, **OUTERS[name])
    whole = theta_after(make_trainer(config), 4)
    trainer = make_trainer(config)
    for _ in range(4):
        trainer.iterate()
        checkpoint.save(tmp_path, trainer.state)
        torch.manual_seed(int(time.time()))  # nothing may depend on the global seed
        trainer = make_trainer(config, checkpoint.load_newest(tmp_path))
    assert trainer.iteration == 4
    assert all(torch.equal(whole[k], trainer.state.theta[k]) for k in whole)
    if OUTERS[name] is RATE:
        assert trainer.outer.state()["factor"].item() == pytest.approx(1.5**-4)


def test_a_run_folder_repeats_its_run(small: Callable[..., Config], workdir: Path) -> None:
    config = small("maml_point")
    run = runs.create("maml_point", config, "metarl train maml_point")
    other = runs.create("maml_point", config, "metarl train maml_point")
    assert run.path != other.path
    console = Console(file=io.StringIO())
    assert train(run, Trainer(config), console)
    assert run.config == config
    assert [r["iteration"] for r in run.records()] == [1, 2]
    assert {p.name for p in run.checkpoints.iterdir()} == {"iteration_0000002"}
    shares = run.records()[-1]
    assert 0.5 < sum(shares[f"share_{part}"] for part in ("simulation", "policy", "learning")) <= 1.01


def test_a_run_that_blows_up_leaves_steps_out_then_stops(small: Callable[..., Config], workdir: Path) -> None:
    """What the first of them started from is kept, and comes to the same again."""
    allowed = small("maml_cheetah_velocity", train__iterations=50)
    config = allowed.model_copy(update={"outer": allowed.outer.model_copy(update={"outer_lr": 1e30})})
    run, said = runs.create("blown", config, ""), io.StringIO()
    with pytest.raises(DivergedError, match="were infinite or NaN in 10 iterations in a row"):
        train(run, Trainer(config), Console(file=said, width=200))
    records = run.records()
    assert [r.get("skipped", 0.0) for r in records[-9:]] == [1.0] * 9
    first = next(i for i, r in enumerate(records) if "skipped" in r)
    assert "had no finite step and was left out" in said.getvalue()
    again = Trainer(config, checkpoint.newest(run.path / "skipped"))
    assert again.iteration == first
    assert again.iterate()["return_before"] == pytest.approx(records[first]["return_before"], nan_ok=True)
    assert again.skipped == 1
    for path in run.checkpoints.glob("*"):
        checkpoint.load(path, again.state.theta)


def test_one_step_that_is_not_finite_is_left_out_and_training_goes_on(
    small: Callable[..., Config], workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small("maml_point", train__iterations=4)
    run, trainer = runs.create("hurt", config, ""), Trainer(small("maml_point", train__iterations=4))
    loss, calls = type(trainer.learner).loss, itertools.count()

    def hurt(self: Learner[Any], theta: Params, episode: Episode) -> torch.Tensor:
        return loss(self, theta, episode) * (torch.nan if next(calls) == 6 else 1.0)  # in the second iteration

    monkeypatch.setattr(type(trainer.learner), "loss", hurt)
    assert train(run, trainer, Console(file=io.StringIO()))
    assert ["skipped" in r for r in run.records()] == [False, True, False, False]
    assert checkpoint.load_newest(run.checkpoints).iteration == 4


def test_a_checkpoint_of_another_network_is_refused(small: Callable[..., Config], tmp_path: Path) -> None:
    checkpoint.save(tmp_path, Trainer(small("maml_point")).state)
    with pytest.raises(UserError, match=r"layer0.weight is \(\(8, 2\), .*\), expected \(\(5, 2\), .*\)"):
        Trainer(small("maml_point", policy__hidden=[5]), checkpoint.newest(tmp_path))


def test_tasks_of_broken_worlds_are_told(small: Callable[..., Config], workdir: Path) -> None:
    config = small("maml_cheetah_direction", policy__init_std=1e30, train__iterations=1)
    run, trainer = runs.create("wild", config, ""), Trainer(config)
    trainer.theta["log_std"].fill_(200.0)  # actions beyond what a float holds
    train(run, trainer, Console(file=io.StringIO()))
    (line,) = (run.path / "diverged.jsonl").read_text().splitlines()
    assert json.loads(line)["tasks"][0].keys() == {"direction"}


def test_sigterm_saves_and_resume_ends_where_the_whole_run_ends(workdir: Path) -> None:
    """The real command, stopped from outside in the middle, then resumed: the same parameters to the bit."""
    options = "--train.iterations 30 --train.num_tasks 4 --train.episodes 4 --train.num_threads 1".split()
    command = [sys.executable, "-m", "metarl"]
    env = os.environ | {"PYTHONPATH": str(Path(settings.__file__).parents[2])}
    whole = subprocess.run([*command, "train", "maml_point", *options], env=env, capture_output=True, text=True)
    assert whole.returncode == 0, whole.stderr
    assert "reproduce: metarl train maml_point --train.iterations 30" in whole.stdout

    stopped = subprocess.Popen([*command, "train", "maml_point", *options], env=env, stdout=subprocess.PIPE, text=True)
    assert stopped.stdout is not None
    for line in stopped.stdout:
        if line.startswith("iteration 1/"):  # the first is always told
            stopped.send_signal(signal.SIGTERM)
            break
    said = stopped.stdout.read()
    assert stopped.wait() == 4
    run = runs.find("maml_point")
    assert f"metarl resume {run.path}" in said
    assert 1 <= run.records()[-1]["iteration"] < 30

    resumed = subprocess.run([*command, "resume", str(run.path)], env=env, capture_output=True, text=True)
    assert resumed.returncode == 0, resumed.stderr
    first, second = runs.every()
    assert [r["iteration"] for r in second.records()] == list(range(1, 31))
    a, b = (checkpoint.load_newest(r.checkpoints).theta for r in (first, second))
    assert all(torch.equal(a[k], b[k]) for k in a)
    kept = [{k: v for k, v in r.items() if k.startswith("return")} for r in (*first.records(), *second.records())]
    assert kept[:30] == kept[30:]
    about = json.loads((second.path / "environment.json").read_text())
    assert about["mujoco"]
    assert about["commit"] == second.commit == environment.commit()


@pytest.mark.slow
def test_maml_learns_to_find_a_goal_it_cannot_see(workdir: Path) -> None:
    """Point navigation: one step of adaptation must at least halve the distance paid for."""
    config = settings.load(settings.find("maml_point"), {"train.iterations": 60})
    trainer = Trainer(config)
    for _ in range(60):
        metrics = trainer.iterate()
    assert metrics["return_after"] > 0.5 * metrics["return_before"]


def test_what_was_logged_after_the_checkpoint_is_dropped(small: Callable[..., Config], workdir: Path) -> None:
    run = runs.create("maml_point", small("maml_point"), "")
    run.metrics.write_text("".join(f'{{"iteration": {i}, "env_steps": 9}}\n' for i in (1, 2, 3, 4)) + '{"iterat')
    run.keep_records_until(2)
    assert [json.loads(line)["iteration"] for line in run.metrics.read_text().splitlines()] == [1, 2]


@pytest.mark.skipif(rendering.working() is None, reason="no OpenGL library")
def test_clips_are_made_while_a_training_goes_on_and_change_nothing_of_it(
    small: Callable[..., Config], workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = Console(file=io.StringIO())
    ends = []
    for every in (0, 1):
        config = small("quickstart", train__video_every=every)
        run, trainer = runs.create("filmed", config, ""), Trainer(config)
        train(run, trainer, quiet, TrainingVideo(run.path / "videos", config) if every else None)
        ends.append(trainer.state.theta)
    assert all(torch.equal(ends[0][k], ends[1][k]) for k in ends[0])
    clips = sorted((run.path / "videos").iterdir())
    assert [p.name for p in clips] == ["iteration_0000001.mp4", "iteration_0000002.mp4"]
    with av.open(str(clips[0])) as clip:
        assert clip.streams.video[0].frames == 16  # of 0.5 s, 30 a second

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(TrainingVideo, "film", fails)
    said = io.StringIO()
    run, trainer = runs.create("filmed", config, ""), Trainer(config)
    assert train(run, trainer, Console(file=said, width=200), TrainingVideo(run.path / "videos", config))
    assert said.getvalue().count("no video of iteration") == 1


def test_the_optimiser_forgets_a_step_that_was_left_out(
    small: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third of five epochs is not finite: neither parameters nor moments move."""
    trainer = Trainer(small("maml_point"))
    trainer.iterate()
    before = trainer.state
    loss, calls = type(trainer.learner).loss, itertools.count()

    def hurt(self: Learner[Any], theta: Params, episode: Episode) -> torch.Tensor:
        return loss(self, theta, episode) * (torch.nan if next(calls) == 2 else 1.0)

    monkeypatch.setattr(type(trainer.learner), "loss", hurt)
    assert trainer.iterate()["skipped"] == 1.0
    for part, kept in ((trainer.state.theta, before.theta), (trainer.state.outer, before.outer)):
        assert part.keys() == kept.keys()
        assert all(torch.equal(part[k], kept[k]) for k in kept)
    assert all(torch.equal(trainer.outer.state()[k], before.outer[k]) for k in before.outer)


def test_statistics_that_are_not_finite_skip_the_step(small: Callable[..., Config]) -> None:
    """An observation whose square is infinite: nothing moves, and the next iteration goes on."""
    trainer = Trainer(small("gru_point"))
    trainer.iterate()
    before, source = trainer.state, trainer.source

    def spoiled(*given: Any) -> Any:
        batch = source(*given)
        batch.data.query.x[0, 0, 0, 0] = 1e25
        return batch

    trainer.source = spoiled  # type: ignore[assignment]
    assert trainer.iterate()["skipped"] == 1.0
    assert all(torch.equal(trainer.theta[k], v) for k, v in before.theta.items())
    assert all(torch.equal(trainer.outer.state()[k], v) for k, v in before.outer.items())
    trainer.source = source
    assert "skipped" not in trainer.iterate()
    assert all(v.isfinite().all() for v in trainer.theta.values())


def test_a_supervised_training_whose_first_step_is_skipped_goes_on(workdir: Path) -> None:
    """Inner steps so long that the loss is infinite; exit code 0, for one skipped step is no divergence."""
    words = "train fomaml_sinusoid --train.iterations 1 --train.num_tasks 2 --learner.inner_lr 1e6".split()
    words += ["--learner.inner_steps", "20"]
    with pytest.raises(SystemExit) as left:
        app.main(words)
    assert left.value.code == 0
