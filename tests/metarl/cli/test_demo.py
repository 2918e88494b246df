"""Policies that come with the package: small, data alone, and as good as they are said to be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import metarl
from envs.core import Tasks
from metarl.cli import demo, play, record
from metarl.deploy.play.adaptation import EpisodicAdaptation
from metarl.deploy.play.session import Session
from metarl.deploy.shipped import FOLDER, POLICIES, shipped
from metarl.runs import shared
from tests.metarl.cli.test_app import run

SMALL = 10**6  # bytes of a policy


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_is_small_and_holds_data_alone(name: str) -> None:
    folder = FOLDER / name
    files = [p for p in folder.rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files) < SMALL
    assert all(shared.PART.fullmatch(p.relative_to(folder).as_posix()) for p in files)
    assert "/work" not in "".join(p.read_text() for p in files if p.suffix in (".yaml", ".txt", ".json"))
    assert (folder / "command.txt").read_text() == f"metarl train metarl/policies/{name}/config.yaml\n"


def test_every_folder_is_a_policy_that_is_named() -> None:
    assert {p.name for p in FOLDER.iterdir()} == set(POLICIES)


def test_the_cheetah_turns_round_when_the_reward_does() -> None:
    """An episode forwards and one backwards, by a memory that is kept: both are rewarded, the second after it has
    noticed. Without its memory it runs the wrong way in one of them.
    """
    torch.manual_seed(0)
    session = Session(metarl.load(shipped("cheetah")[0].path), {"direction": 1.0})
    returns = []
    for direction in (1.0, -1.0):
        session.set("direction", direction)
        session.forget()
        while not session.step().ended:
            pass
        returns.append(session.returns[-1])
    assert min(returns) > 500


def test_a_gradient_step_turns_the_robot_on_the_slope() -> None:
    agent = metarl.load(shipped("slope")[0].path)
    session = Session(agent, {"direction": 1.0, "slope_deg": 12.0}, "ood")
    adaptation = session.adaptation
    assert isinstance(adaptation, EpisodicAdaptation)
    while len(adaptation.episodes) < 10:
        session.step()
    before = sum(session.returns) / len(session.returns)
    adaptation.adapt(10)
    session.explores = False
    while not session.step().ended:
        pass
    while not session.step().ended:
        pass
    assert session.returns[-1] > before + 50


def test_the_dog_walks_at_the_speed_that_is_commanded() -> None:
    level = {"ground": 4.0, "difficulty": 0.0, "slope_deg": 0.0, "event_motor": -1.0, "friction": 1.0, "delay": 0.0}
    session = Session(metarl.load(shipped("dog")[0].path), level)
    session.ends_by_time = False
    session.command((0.8, 0.0, 0.0))
    session.restart()
    speeds = []
    for t in range(250):
        session.step()
        if t >= 100:
            speeds.append(float(session.worlds.state.lin_vel[0, 0]))
    assert session.steps == 250  # it has not fallen
    assert sum(speeds) / len(speeds) == pytest.approx(0.8, abs=0.15)


def test_it_plays_or_films(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    called = []
    for kind in (play.Play, record.Record):
        monkeypatch.setattr(kind, "__call__", lambda self, given: called.append((type(self), self.run, given)) or 0)
    monkeypatch.setattr(demo.importlib.util, "find_spec", lambda name: object())
    run(["demo", "slope"], capsys)
    run(["demo", "slope", "--film"], capsys)
    monkeypatch.setattr(demo.importlib.util, "find_spec", lambda name: None)
    _, out, _ = run(["demo"], capsys)
    given = {"task.direction": 1.0, "task.slope_deg": 12.0}
    slope, cheetah = str(FOLDER / "slope"), str(FOLDER / "cheetah")
    assert called == [
        (play.Play, slope, given),
        (record.Record, slope, given),
        (record.Record, cheetah, {"task.direction": -1.0}),
    ]
    assert "as a film; for the browser: pip install" in out


def test_a_film_of_classic_tasks_is_written_by_a_fresh_process(workdir: Path) -> None:
    """A renderer has to be chosen before anything imports mujoco."""
    env = os.environ | {"PYTHONPATH": str(Path(demo.__file__).parents[2])}
    subprocess.run([sys.executable, "-m", "metarl", "demo", "--film"], cwd=workdir, env=env, check=True, timeout=300)
    assert (workdir / "videos" / "cheetah.mp4").stat().st_size > 10_000


def test_an_unknown_policy_is_refused_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "cheeta"], capsys)[::2] == (
        2,
        "error: there is no policy 'cheeta' to show; did you mean cheetah?\n",
    )


def test_a_policy_is_evaluated_like_any_other_run(tmp_path: Path) -> None:
    """Its task is one of its family."""
    for name, (_, task, _) in POLICIES.items():
        family = metarl.load(FOLDER / name).trained.family
        drawn = family.sample(1, "train", torch.Generator().manual_seed(0)).to_json()[0]
        family.check(Tasks.from_json([drawn | task]))
