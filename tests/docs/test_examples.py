"""Every example of the documentation runs by itself, on small settings."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

HOME = Path(__file__).resolve().parent.parent.parent
EXAMPLES = HOME / "docs" / "examples"
SMALL = '"train.num_tasks": 2, "train.episodes": 2, "train.num_threads": 1'
CHANGES: dict[str, dict[str, str]] = {  # a script -> what is made small in it
    "train.py": {r'"train.iterations": 20': f'"train.iterations": 2, {SMALL}'},
    "own_learner.py": {r'"train.iterations": 20': f'"train.iterations": 2, {SMALL}'},
    "own_robot.py": {r'files\.find\("maml_cheetah_velocity"\)': f'files.find("maml_cheetah_velocity"), {{{SMALL}}}'},
    "inner_baseline.py": {"OTHERS = 250": "OTHERS = 5"},
    "gymnasium_env.py": {r'render_mode="rgb_array"': "render_mode=None"},
    "sb3.py": {
        r"n_steps=200": "n_steps=2",
        r"batch_size=1600": "batch_size=4",
        r"num_envs=\d+": "num_envs=2",
        r"n_eval_episodes=20": "n_eval_episodes=1",
        r"2_048_000": "4",
    },
}
SMALL_RUN = "--train.iterations 2 --train.num_tasks 2 --train.episodes 2 --train.num_threads 1"
PLUGINS = {  # a plugin -> a command line that uses it
    "shift_plugin": f"train shift_point.yaml --plugin shift_plugin {SMALL_RUN}",
    "own_robot": f"train maml_cheetah_velocity --plugin own_robot --tasks.robot cart --tasks.ctrl_cost 0 {SMALL_RUN}",
    "gravity_plugin": "train maml_cheetah_velocity --plugin gravity_plugin "
    f"--tasks.vary.gravity=0.5 --tasks.horizon 5 {SMALL_RUN}",
    "csv_logger": f"train maml_point --plugin csv_logger --train.logger csv {SMALL_RUN}",
    "cartpole_plugin": f"train cartpole.yaml --plugin cartpole_plugin {SMALL_RUN}",
    "lines_plugin": "train lines.yaml --plugin lines_plugin --train.iterations 2 --train.num_threads 1",
}


def python(folder: Path, *words: str) -> str:
    """What a Python of its own prints, in a folder that holds all examples."""
    env = os.environ | {"PYTHONPATH": os.pathsep.join((str(HOME), str(folder)))}
    done = subprocess.run([sys.executable, *words], cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path in EXAMPLES.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", CHANGES)
def test_an_example_runs(name: str, folder: Path) -> None:
    code = (folder / name).read_text()
    for long, short in CHANGES[name].items():
        code, count = re.subn(long, short, code)
        assert count, f"{name} has no {long}"
    (folder / name).write_text(code)
    assert python(folder, name).strip()


@pytest.mark.parametrize("name", PLUGINS)
def test_a_plugin_of_the_examples_is_trained_from_the_command_line(name: str, folder: Path) -> None:
    python(folder, "-m", "metarl", *PLUGINS[name].split())
    (run,) = (folder / "runs").glob("*/*")
    assert len((run / "metrics.jsonl").read_text().splitlines()) == 2


def test_images_of_ones_own_are_learned_from(folder: Path) -> None:
    """Colour images that are not square, ten classes of three."""
    rng = np.random.default_rng(0)
    for i in range(30):
        (folder / "images" / str(i // 3)).mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(rng.integers(0, 255, (20, 30, 3), np.uint8))
        picture.save(folder / "images" / str(i // 3) / f"{i}.png")
    assert len(python(folder, "own_images.py", "images").splitlines()) == 20


def test_a_run_is_extended_from_python(folder: Path) -> None:
    python(folder, "-m", "metarl", "train", "maml_point", *SMALL_RUN.split())
    assert python(folder, "extend_run.py").splitlines()[-1].startswith("iteration 12: return ")


def test_every_example_is_run_by_a_test() -> None:
    helpers = {
        "shift_learner.py",
        "lines.py",
        "extend_run.py",
        "own_images.py",
        "deploy_onnx.py",
    }  # imported by the others, or run by a test of its own
    scripts = {path.name for path in EXAMPLES.glob("*.py")}
    assert scripts == set(CHANGES) | {f"{name}.py" for name in PLUGINS} | helpers
