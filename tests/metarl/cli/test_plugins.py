"""A learner, a robot, a variation and a distribution of other people, one file each, from the command line alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from metarl.cli import app
from metarl.config import plugins
from metarl.errors import UserError
from metarl.system import rendering

LEARNER = '''
"""A learner of our own: only the deviation of the actions is adapted."""
from typing import Any, ClassVar, Literal

from agents.settings import LearnerSettings


class Settings(LearnerSettings):
    """Adapts how widely it explores."""

    kind: Literal["wide"] = "wide"
    inner_lr: float = 0.1
    accepts: ClassVar = ("actions",)

    def build(self, problem: Any) -> Any:
        from agents.objectives import policy_gradient
        from agents.optimization import MAML

        network = problem.policy_network()
        return MAML(network, policy_gradient, problem.objective, self.inner_lr, adapted_params=("log_std",))
'''
ROBOT = '''
"""A ball on a stick."""
from pathlib import Path

from envs.robots.robot import Robot


class Pendulum(Robot):
    """Observation: angle and angular velocity. Never fails. Control step 2 x 0.01 s. Its place is its angle."""

    model_file = Path(__file__).with_name("pendulum.xml")
    frame_skip = 2
    hidden_positions = 0
    height_index = None

    @classmethod
    def is_planar(cls):
        return True

    @classmethod
    def position(cls, body):
        return body.qpos.clone()
'''
MODEL = """<mujoco><option timestep="0.01"/><worldbody><geom type="plane" size="5 5 1"/><body name="stick" pos="0 0 2">
<joint name="swing" type="hinge" axis="0 1 0" damping="0.1"/><geom size="0.1" pos="0 0 1"/></body></worldbody>
<actuator><motor joint="swing" ctrlrange="-1 1"/></actuator></mujoco>"""
VARIATION = '''
"""Weaker gravity."""
from envs.variations.variation import Variation


def apply(params, task, robot):
    params["opt.gravity"] = params["opt.gravity"] * task["lightness"][:, None]


VARIATIONS = Variation("lightness", "dynamics", "", 0.1, 2.0, "gravity, times the model's own", apply=apply)
'''
FAMILY = '''
"""A distribution of our own."""
from envs.classic.definition import Definition
from envs.locomotion.families import BOTH_WAYS
from envs.robots.half_cheetah import HalfCheetah

DEFINITIONS = {"our-cheetah": Definition("our cheetah, both ways, H 20", HalfCheetah, (BOTH_WAYS,), horizon=20)}
'''
CONFIG = """# A learner and a robot of our own.
tasks:
  kind: locomotion
  robot: pendulum
  horizon: 10
  vary: {direction: {choices: [-1, 1]}, lightness: {train: [0.5, 1.0], ood: [1.0, 1.5]}}
policy: {hidden: [8]}
learner: {kind: wide}
outer: {kind: ppo, num_epochs: 2}
train: {iterations: 2, num_tasks: 2, episodes: 2, num_threads: 1, checkpoint_every: 1}
"""
POINT = """# A learner of an installed package.
tasks: {kind: point, horizon: 10}
policy: {hidden: [8]}
learner: {kind: wide}
outer: {kind: ppo, num_epochs: 2}
train: {iterations: 1, num_tasks: 2, episodes: 1, num_threads: 1}
"""
NAMES = ("wide", "pendulum", "lightness", "our_cheetah")
PLUGINS = [word for name in NAMES for word in ("--plugin", f"strangers.{name}")]
HOME = Path(app.__file__).parents[2]


@pytest.fixture
def strangers(workdir: Path) -> Path:
    """A package of other people in the working directory, and a config that needs it."""
    package = workdir / "strangers"
    package.mkdir()
    for name, text in zip(NAMES, (LEARNER, ROBOT, VARIATION, FAMILY), strict=True):
        (package / f"{name}.py").write_text(text.lstrip())
    (package / "__init__.py").write_text("")
    (package / "pendulum.xml").write_text(MODEL)
    (workdir / "ours.yaml").write_text(CONFIG)
    return workdir


def metarl(*words: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, so that nothing stays registered, and which finds a renderer by itself."""
    env = {k: v for k, v in os.environ.items() if k != "MUJOCO_GL"}
    env |= {"PYTHONPATH": os.pathsep.join([".", str(HOME)]), "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, "-m", "metarl", *words], env=env, capture_output=True, text=True)


def test_what_strangers_bring_trains_resumes_evaluates_compares_and_is_filmed(strangers: Path) -> None:
    done = metarl("train", "ours.yaml", *PLUGINS)
    assert done.returncode == 0, done.stderr
    assert "--plugin strangers.wide" in done.stdout  # how to reproduce it
    run = next((strangers / "runs" / "ours").iterdir())
    assert len((run / "metrics.jsonl").read_text().splitlines()) == 2
    for words in (
        ["resume", "ours"],
        ["evaluate", "ours", "--tasks", "2", "--repeats", "1", "--after", "0", "1", "--split", "ood"],
        ["compare", "ours", "--tasks", "2", "--repeats", "1", "--after", "0", "1", "--report-at", "1"],
        *([["record", "ours"]] if rendering.working() else []),
    ):
        done = metarl(*words, *PLUGINS)
        assert done.returncode == 0, (words, done.stderr)
    assert {"wide", "lightness"} <= set((run / "config.yaml").read_text().replace(":", " ").split())


def test_a_run_that_needs_a_plugin_says_which_is_missing(strangers: Path) -> None:
    assert metarl("train", "ours.yaml", *PLUGINS).returncode == 0
    done = metarl("evaluate", "ours")
    assert done.returncode == 2
    assert "'pendulum'" in done.stderr or "'wide'" in done.stderr
    assert "--plugin strangers.wide" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_distribution_of_strangers_has_a_name_of_its_own(strangers: Path) -> None:
    words = "--tasks.name our-cheetah --train.iterations 1 --train.num_tasks 2 --train.episodes 1 --policy.hidden [8]"
    done = metarl("train", "maml_robot", *words.split(), "--plugin", "strangers.our_cheetah")
    assert done.returncode == 0, done.stderr
    listed = metarl("list", "tasks", "--json", "--plugin", "strangers.our_cheetah")
    assert json.loads(listed.stdout)["our-cheetah"] == "our cheetah, both ways, H 20"


def test_what_there_is_is_listed_with_what_strangers_bring(strangers: Path) -> None:
    for what, name, text in (
        ("learners", "wide", "Adapts how widely it explores."),
        ("robots", "pendulum", "A ball on a stick."),
        ("variables", "lightness", "dynamics: gravity, times the model's own"),
    ):
        done = metarl("list", what, "--json", *PLUGINS)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)[name] == text


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--plugin"], "--plugin needs the name of a module"),
        (["--plugin", "nowhere_to_be_found"], "--plugin nowhere_to_be_found could not be imported"),
        (["--plugin=json"], "--plugin json offers nothing: expected"),
    ],
)
def test_a_plugin_that_is_none_is_said(words: list[str], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        plugins.load_plugins(plugins.split_plugins(words)[1])


def test_a_taken_name_is_refused(strangers: Path) -> None:
    mine = strangers / "strangers" / "mine.py"
    mine.write_text(LEARNER.replace('"wide"', '"maml"'))
    done = metarl("list", "learners", "--plugin", "strangers.mine")
    assert (done.returncode, "the learner 'maml', a name that is taken" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize("text", ["def f(:", "1 / 0", "import sys; sys.exit('bye')", "import nowhere_to_be_found"])
def test_a_plugin_that_fails_is_one_sentence(text: str, workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"failing_{abs(hash(text))}"
    (workdir / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(workdir))
    with pytest.raises(UserError, match=f"--plugin {name} could not be imported as a module: [A-Z]"):
        plugins.load_plugins([name])
    assert name not in plugins.loaded()


def test_settings_without_a_kind_are_refused(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workdir / "without_kind.py").write_text(LEARNER.replace('    kind: Literal["wide"] = "wide"\n', ""))
    monkeypatch.syspath_prepend(str(workdir))
    with pytest.raises(UserError, match=r"without_kind\.Settings needs a kind"):
        plugins.load_plugins(["without_kind"])


def test_a_failing_entry_point_of_an_installed_package_is_one_sentence(workdir: Path) -> None:
    """A package whose module is gone: named, so that it can be repaired."""
    about = workdir / "stranger-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[metarl.learners]\nmine = gone_module\n")
    done = metarl("list", "learners")
    assert done.returncode == 2
    assert done.stderr.startswith("error: package stranger, entry point mine of metarl.learners: gone_module")
    assert len(done.stderr.splitlines()) == 1


def test_a_run_that_needs_an_installed_package_says_which_is_missing(strangers: Path) -> None:
    about = strangers / "stranger-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[metarl.learners]\nwide = strangers.wide\n")
    few = "--train.iterations 1 --train.num_tasks 2 --train.episodes 1".split()
    (strangers / "own.yaml").write_text(POINT)
    done = metarl("train", "own.yaml", *few)
    assert done.returncode == 0, done.stderr
    (about / "entry_points.txt").unlink()
    done = metarl("plot", "own")
    assert done.returncode == 2
    assert "it was trained with the package stranger installed" in done.stderr
