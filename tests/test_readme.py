"""What README shows works."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from metarl.cli.app import COMMANDS
from metarl.config import files as settings
from metarl.training.build import build_family

README = (Path(__file__).resolve().parent.parent / "README.md").read_text()


BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.S)
CART = """<mujoco><worldbody><geom name="floor" type="plane" size="9 9 1"/><body name="cart" pos="0 0 .5">
<joint name="x" type="slide" axis="1 0 0" damping=".1"/><geom size=".1" contype="0" conaffinity="0"/></body></worldbody>
<actuator><motor joint="x" gear="20" ctrlrange="-1 1"/></actuator></mujoco>"""


def shortened(word: str, **changes: str) -> str:
    """The one example that holds a word, with long numbers made short."""
    (code,) = (block for block in BLOCKS if word in block)
    for long, short in changes.items():
        pattern = rf"\b{long}=[\d_]+"
        assert re.search(pattern, code)
        code = re.sub(pattern, f"{long}={short}", code)
    return code


def test_the_library_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """With two iterations instead of twenty."""
    code = shortened("range(trainer.config")
    assert '"train.iterations": 20' in code
    exec(code.replace('"train.iterations": 20', '"train.iterations": 2'), {})
    assert capsys.readouterr().out.count("after adaptation") == 2


def test_a_robot_of_ones_own_takes_twenty_lines_at_most(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a cart on a rail; a smaller config."""
    (workdir / "my_robot.xml").write_text(CART)
    code = shortened("my_robot.xml")
    assert len(code.splitlines()) <= 20
    small = 'config.find("maml_cheetah_velocity"), {"train.num_tasks": 2, "train.episodes": 2}'
    namespace: dict[str, Any] = {}
    exec(code.replace('config.find("maml_cheetah_velocity")', small), namespace)
    assert "return_after" in capsys.readouterr().out
    family = namespace["family"]
    assert family.names == ("speed", "mass")
    assert family.space[:2] == (1, 1)


def test_a_learner_of_ones_own_takes_forty_lines_at_most(capsys: pytest.CaptureFixture[str]) -> None:
    """With two iterations instead of twenty."""
    code = shortened("class Shift")
    assert len(code.splitlines()) <= 40
    namespace: dict[str, Any] = {}
    exec(code.replace('"train.iterations": 20', '"train.iterations": 2, "train.num_tasks": 3'), namespace)
    before, after = (float(line) for line in capsys.readouterr().out.splitlines())
    assert -500 < before < 0
    assert -500 < after < 0
    assert namespace["trainer"].learner.rounds == 1


def test_the_gymnasium_example_runs() -> None:
    namespace: dict[str, Any] = {}
    exec(shortened("QuadrupedStairsUp").replace('render_mode="rgb_array"', "render_mode=None"), namespace)
    assert namespace["env"].unwrapped._batch.tasks.to_json() == [{"direction": 1.0, "stairs_up": 0.5}]
    assert all(task["stairs_up"] >= 0.6 for task in namespace["unseen"])


def test_the_stable_baselines_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """With two worlds and steps instead of many."""
    code = shortened("PPO", n_steps="2", batch_size="4", n_eval_episodes="1", num_envs="2")
    exec(code.replace("learn(2_048_000)", "learn(4)"), {})
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_the_tasks_example_builds() -> None:
    (text,) = re.findall(r"(^    tasks:\n(?:     .*\n)+)", README, flags=re.M)
    config = yaml.safe_load(text)
    base = settings.load(settings.find("maml_cheetah_direction"), {"tasks": config["tasks"]})
    family = build_family(base)
    assert {"mass:trunk", "motor:FL_calf", "delay", "stairs_up"} < set(family.names)


def test_every_command_and_config_it_names_exists() -> None:
    commands = set(re.findall(r"^ +metarl (\w+)", README, flags=re.M))
    assert commands == set(COMMANDS) - {"quickstart"}
    trained = set(re.findall(r"metarl train (\w+)", README))
    assert trained <= set(settings.names())


def test_every_path_it_names_exists() -> None:
    home = Path(__file__).resolve().parent.parent
    paths = re.findall(r"`((?:envs|agents|metarl|configs|tests)/[\w/.]*)`", README)
    assert len(paths) > 10
    assert all((home / p).exists() for p in paths)
