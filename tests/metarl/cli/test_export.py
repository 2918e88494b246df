"""`metarl export` as a person meets it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import metarl
from metarl.config.experiment import Config
from metarl.deploy.recording import adapt_in
from metarl.evaluation.sampling import complete_tasks, seeded
from tests.metarl.cli.test_app import run
from tests.metarl.deploy.small_runs import config_of, save

HOME = Path(__file__).resolve().parents[3]
EXAMPLE = HOME / "docs" / "examples" / "deploy_onnx.py"


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_policy_is_exported_and_verified(in_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(config_of("maml"), in_folder / "runs" / "my_maml" / "one")
    words = [
        "export",
        "my_maml",
        "--format",
        "torchscript",
        "--verify",
        "--task",
        "goal_x=0.2",
        "--task.goal_y",
        "-0.1",
    ]
    code, out, err = run(words, capsys)
    assert (code, err) == (0, "")
    assert re.search(r"wrote runs/my_maml/one/policy.pt: \d+\.\d kB", out)
    assert "inputs obs [1, 2]; outputs action" in out
    assert re.search(r"1000 steps in a process without this project: actions differ by \d\.\de[+-]\d+ at most, ", out)
    code, out, _ = run([*(word for word in words if word != "--verify"), "--json"], capsys)
    said = json.loads(out)
    assert said["description"]["task"] == {"goal_x": 0.2, "goal_y": -0.1}
    assert said["description"]["adaptation_episodes"] == 2
    assert said["verified"] is None


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("maml", [], "acts after adaptation to a task: give --task NAME=VALUE or --adapt-on test, or --episodes 0"),
        ("maml", ["--task", "goal_x"], "--task got 'goal_x', expected NAME=VALUE with a number"),
        ("maml", ["--task", "speed=1"], "this family has no parameter speed"),
        ("maml", ["--task", "goal_x=9"], "goal_x=9 lies outside"),
        ("gru", ["--adapt-on", "test"], "are for policies that are fitted to a task, but .* adapts by itself while it"),
        ("joint", ["--episodes", "2"], "--episodes are for policies that adapt between them, but .* does not adapt"),
        ("joint", ["--out", "policy.onnx"], r"expected a file name that ends in \.pt"),
        ("joint", ["--model", "point.xml"], "--model is for robots"),
    ],
)
def test_mistakes_are_one_sentence(
    name: str, words: list[str], said: str, in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(config_of(name), in_folder / "runs" / "mine" / "one")
    code, _, err = run(["export", "mine", "--format", "torchscript", *words], capsys)
    assert code == 2
    assert re.search(said, err)
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("before", [True, False])
def test_the_policy_before_adaptation_is_exported_when_asked_for(
    before: bool, in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the file answers is what an agent answers that has not adapted, or that has adapted alike."""
    save(config_of("maml"), in_folder / "runs" / "mine" / "one")
    asked = ["--episodes", "0"] if before else ["--adapt-on", "ood", "--seed", "3"]
    assert run(["export", "mine", "--format", "torchscript", "--out", "mine.pt", *asked], capsys)[0] == 0
    agent = metarl.load("mine")
    if not before:
        family = agent.trained.family
        adapt_in(agent, complete_tasks(family, {}, "ood", 3), 2, seeded(3))
    obs = np.array([[0.1, 0.3]], np.float32)
    got = torch.jit.load("mine.pt")(torch.from_numpy(obs)).numpy()
    np.testing.assert_allclose(got, agent.act(obs), atol=1e-6)


def test_the_example_drives_a_cheetah_as_our_simulation_does(
    small: Callable[..., Config], in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From rest, without noise: the same place after an episode, by MuJoCo's own loop and by ours."""
    for name in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(name, reason=f"{name} is not installed: pip install -e '.[export]'")
    save(small("maml_cheetah_direction"), in_folder / "runs" / "cheetah" / "one")
    words = "export cheetah --task direction=1 --out cheetah.onnx --model cheetah.xml".split()
    code, _, err = run(words, capsys)
    assert code == 0, err
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    command = [sys.executable, "-P", str(EXAMPLE), "cheetah.onnx", "cheetah.xml"]
    done = subprocess.run(command, cwd=in_folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    agent = metarl.load("cheetah")
    family = agent.trained.family
    task = complete_tasks(family, {"direction": 1.0}, "test", 0)
    adapt_in(agent, task, 2, seeded(0))
    worlds = family.worlds(task, 1)  # type: ignore[attr-defined]  # of a family of robots
    worlds.reset(torch.Generator().manual_seed(0))
    for state in (worlds.sim.qpos, worlds.sim.qvel):
        state[:] = 0.0
    worlds.sim.forward(None)
    obs = family.robot.observe(worlds.body)  # type: ignore[attr-defined]
    for _ in range(family.horizon):
        act = agent.act(obs[0].numpy())
        obs = worlds.step(family.full_action * torch.from_numpy(act)[None, None])[0][0]  # type: ignore[attr-defined]
    (metres,) = re.findall(r"ran (\S+) m in 0.5 s", done.stdout)
    assert float(metres) == pytest.approx(float(worlds.sim.qpos[0, 0]), abs=1e-5)
    assert abs(float(metres)) > 1e-3
