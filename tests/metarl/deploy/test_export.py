"""Exported files act as their policies do, in a process without torch and this project."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import metarl
from envs.core import Tasks
from metarl.deploy import Agent, verifying
from metarl.deploy.recording import adapt_in, record
from metarl.deploy.verifying import Verified, verify
from metarl.deploy.writing import KEY, export
from metarl.errors import UserError
from metarl.runs.run import Run
from metarl.system.strict_json import parse_json
from metarl.training.collect import collect_rollouts

SmallRun = Callable[[str], Run]
TASK = Tasks(("goal_x", "goal_y"), torch.tensor([[0.3, -0.2]]).double())
QUICK = ("gru", "transformer", "maml", "snail", "metanet", "sac")  # the others are slow tests
SCRIPTED = (
    "gru, reset each episode",
    "snail",
    "ntm",
    "cavia",
    "lstm_meta_learner",
    "metanet",
    "sb3_ppo",
    "oracle",
    "varibad",
    "sac",
)
NAMES = ("gru", "transformer", "hypernetwork", "mann", "maml", "joint", "oracle")


def ready(run: Run) -> Agent:
    """The agent of a run; one that adapts has adapted to `TASK`."""
    agent = metarl.load(run.path)
    learner = agent.trained.learner
    if learner.rounds and not learner.is_recurrent:
        adapt_in(agent, TASK, 3, torch.Generator().manual_seed(0))
    return agent


def metadata(path: Path) -> dict[str, Any]:
    import onnx

    (entry,) = onnx.load(path).metadata_props
    assert entry.key == KEY
    found: dict[str, Any] = json.loads(entry.value)
    return found


@pytest.fixture
def with_onnx() -> None:
    for name in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(name, reason=f"{name} is not installed: pip install -e '.[export]'")


@pytest.mark.usefixtures("with_onnx")
@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in NAMES])
def test_an_onnx_file_acts_as_its_policy(name: str, small_run: SmallRun, tmp_path: Path) -> None:
    agent = ready(small_run(name))
    export(agent, tmp_path / "policy.onnx")
    found = verify(agent, tmp_path / "policy.onnx", TASK)
    assert found.steps == 1000
    assert found.difference <= 1e-5
    assert found.imported == ()
    recorded = record(agent, TASK, 1000, torch.Generator().manual_seed(0))
    assert np.abs(recorded.action).max() > 0.05  # there is something to differ in
    assert len(np.unique(recorded.action.round(4))) > 10 or name in ("joint", "oracle")


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in SCRIPTED])
def test_a_torchscript_file_acts_as_its_policy(name: str, small_run: SmallRun, tmp_path: Path) -> None:
    agent = ready(small_run(name))
    description = export(agent, tmp_path / "policy.pt")
    found = verify(agent, tmp_path / "policy.pt", TASK, steps=60)
    assert found.difference <= 1e-6
    extra = {KEY: ""}
    torch.jit.load(tmp_path / "policy.pt", _extra_files=extra)
    assert parse_json(extra[KEY]) == description


@pytest.mark.parametrize("name", ["maml", "maml, two rounds", "maml, hierarchical baseline", "cavia"])
def test_adaptation_before_an_export_is_the_evaluators(name: str, small_run: SmallRun) -> None:
    """The last of the evaluator's rollouts is of the policy that `adapt_in` makes with the same random numbers."""
    agent = metarl.load(small_run(name).path)
    trained = agent.trained
    adapt_in(agent, TASK, 3, torch.Generator().manual_seed(5))
    rollouts = collect_rollouts(
        trained.learner,
        trained.theta,
        trained.family,
        TASK,
        (2, 1, 1),
        trained.advantage,
        torch.Generator().manual_seed(5),
        greedy=1,
    ).trajectories
    recorded = record(agent, TASK, 6, torch.Generator().manual_seed(0))
    np.testing.assert_allclose(recorded.action, rollouts[-1].act[0, :, 0].clamp(-1, 1).numpy(), atol=1e-6)
    assert agent.episodes == 3


@pytest.mark.usefixtures("with_onnx")
def test_a_file_says_how_it_is_used_and_where_it_is_from(small_run: SmallRun, tmp_path: Path) -> None:
    run, path = small_run("gru"), tmp_path / "policy.onnx"
    export(metarl.load(run.path), path)
    said = metadata(path)
    assert said["run"] == run.name
    assert (said["command"], said["commit"], said["iteration"]) == ("metarl train", "abc", 2)
    manifest = json.loads((run.checkpoints / "iteration_0000002" / "manifest.json").read_text())
    assert said["theta_sha256"] == manifest["theta.safetensors"]["sha256"]
    assert said["inputs"]["memory.h"]["shape"] == [1, 8]
    assert said["next"] == {"last_action": "next.last_action", "memory.h": "next.memory.h"}
    assert str(Path(metarl.__file__).parent).encode() not in path.read_bytes()


@pytest.mark.usefixtures("with_onnx")
def test_an_oracle_is_told_the_task_by_its_numbers_or_once_and_for_all(small_run: SmallRun, tmp_path: Path) -> None:
    import onnxruntime

    asked, told = metarl.load(small_run("oracle").path), metarl.load(small_run("oracle").path)
    told.reset(task={"goal_x": 0.3, "goal_y": -0.2})
    for agent, name in ((asked, "asked.onnx"), (told, "told.onnx")):
        export(agent, tmp_path / name)
    obs = np.array([[0.1, -0.4]], np.float32)
    answers = [
        onnxruntime.InferenceSession(tmp_path / name).run(None, {"obs": obs} | more)[0][0]
        for name, more in (("asked.onnx", {"task": np.array([[0.3, -0.2]], np.float32)}), ("told.onnx", {}))
    ]
    np.testing.assert_allclose(answers, [told.act(obs[0])] * 2, atol=1e-5)
    rows = metadata(tmp_path / "asked.onnx")["task_inputs"]
    assert [(row["name"], row["unit"], row["range"]) for row in rows] == [
        ("goal_x", "m", [[-0.5, 0.5]]),
        ("goal_y", "m", [[-0.5, 0.5]]),
    ]


@pytest.mark.usefixtures("with_onnx")
def test_discrete_actions_are_numbers(small_run: SmallRun, tmp_path: Path) -> None:
    agent = metarl.load(small_run("gru, bandit").path)
    task = agent.trained.family.sample(1, "test", torch.Generator().manual_seed(0))
    export(agent, tmp_path / "policy.onnx")
    found = verify(agent, tmp_path / "policy.onnx", task, steps=50)
    assert found.difference == 0.0


def test_a_file_of_other_actions_is_found_out(small_run: SmallRun, tmp_path: Path) -> None:
    """The file of an agent that has adapted, and the policy before it."""
    export(ready(small_run("maml")), tmp_path / "policy.pt")
    found = verify(metarl.load(small_run("maml").path), tmp_path / "policy.pt", TASK, steps=50)
    assert not found.is_same


def test_what_cannot_be_exported_is_refused_in_a_sentence(
    small_run: SmallRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = metarl.load(small_run("oracle").path)
    with pytest.raises(UserError, match=r"expected a name that ends in \.onnx or \.pt"):
        export(agent, tmp_path / "policy.bin")
    agent.reset(task=[{"goal_x": 0.1, "goal_y": 0.1}] * 2)
    with pytest.raises(UserError, match="2 tasks, and a file holds one"):
        export(agent, tmp_path / "policy.pt")
    agent = metarl.load(small_run("gru").path)
    monkeypatch.setattr(type(agent.trained.learner), "step", lambda *_: 1 / 0)
    with pytest.raises(UserError, match="cannot be exported: torch does not translate it to torchscript"):
        export(agent, tmp_path / "policy.pt")
    for name in ("onnx", "onnxscript"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"onnx and onnxscript are not installed: pip install .*\[export\]"):
        export(agent, tmp_path / "policy.onnx")


def test_a_process_that_imports_torch_shows_nothing(
    small_run: SmallRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = metarl.load(small_run("joint").path)
    export(agent, tmp_path / "policy.pt")
    run = verifying._run
    monkeypatch.setattr(verifying, "_run", lambda *words: run(*words) | {"imported": ["torch", "metarl"]})
    with pytest.raises(UserError, match="imported metarl: it has not shown"):
        verify(agent, tmp_path / "policy.pt", TASK, steps=10)


def test_how_close_is_close_enough() -> None:
    assert Verified(1000, 1e-5, 0.1, 1, ()).is_same
    assert not Verified(1000, 2e-5, 0.1, 1, ()).is_same
