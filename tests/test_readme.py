"""What README and the documentation show works."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from metarl.cli.app import COMMANDS
from metarl.config import files as settings
from metarl.training.build import build_family

HOME = Path(__file__).resolve().parent.parent
README = (HOME / "README.md").read_text()
PAGES = {path: path.read_text() for path in (HOME / "docs").rglob("*.md") if "_generated" not in path.parts}
EVERYTHING = README + "\n".join(PAGES.values())
EXAMPLES = HOME / "docs" / "examples"
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.S)


@pytest.fixture(autouse=True)
def example_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let examples import each other, and forget them afterwards."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.delitem(sys.modules, "shift_learner", raising=False)


def example(name: str, **changes: str) -> str:
    """An example of the documentation, with long numbers made short."""
    code = (EXAMPLES / name).read_text()
    for long, short in changes.items():
        pattern = rf"\b{long}=[\d_]+"
        assert re.search(pattern, code)
        code = re.sub(pattern, f"{long}={short}", code)
    return code


def run(code: str, name: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": "__main__", "__file__": str(EXAMPLES / name)}
    exec(compile(code, name, "exec"), namespace)
    return namespace


def test_readme_is_short() -> None:
    assert len(README.splitlines()) <= 200


def test_the_library_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """With two small iterations instead of twenty."""
    (code,) = (block for block in BLOCKS if "range(trainer.config" in block)
    assert '"train.iterations": 20' in code
    exec(code.replace('"train.iterations": 20', '"train.iterations": 2, "train.num_tasks": 2, "train.episodes": 2'), {})
    assert capsys.readouterr().out.count("after adaptation") == 2


def test_the_library_example_of_readme_is_that_of_the_documentation() -> None:
    (code,) = (block for block in BLOCKS if "range(trainer.config" in block)
    assert code.strip() in example("train.py")


def test_a_robot_of_ones_own_takes_twenty_lines_at_most(capsys: pytest.CaptureFixture[str]) -> None:
    """The cart on a rail; a smaller config. Docstring and empty lines do not count."""
    code = example("own_robot.py")
    own = [line for line in code.splitlines()[1:] if line.strip()]
    assert len(own) <= 20
    small = 'files.find("maml_cheetah_velocity"), {"train.num_tasks": 2, "train.episodes": 2}'
    namespace = run(code.replace('files.find("maml_cheetah_velocity")', small), "own_robot.py")
    assert len(capsys.readouterr().out.splitlines()) == 3
    family = namespace["family"]
    assert family.names == ("speed", "mass")
    assert family.space[:2] == (1, 1)


def test_a_learner_of_ones_own_takes_forty_lines_at_most(capsys: pytest.CaptureFixture[str]) -> None:
    """With two iterations instead of twenty."""
    assert len(example("shift_learner.py").splitlines()) <= 40
    small = '"train.iterations": 2, "train.num_tasks": 3'
    namespace = run(example("own_learner.py").replace('"train.iterations": 20', small), "own_learner.py")
    before, after = (float(line) for line in capsys.readouterr().out.splitlines())
    assert -500 < before < 0
    assert -500 < after < 0
    assert namespace["trainer"].learner.rounds == 1


def test_the_gymnasium_example_runs() -> None:
    code = example("gymnasium_env.py").replace('render_mode="rgb_array"', "render_mode=None")
    namespace = run(code, "gymnasium_env.py")
    assert namespace["env"].unwrapped._batch.tasks.to_json() == [{"direction": 1.0, "stairs_up": 0.5}]
    assert all(task["stairs_up"] >= 0.6 for task in namespace["unseen"])


def test_the_stable_baselines_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """With two worlds and steps instead of many."""
    code = example("sb3.py", n_steps="2", batch_size="4", n_eval_episodes="1", num_envs="2")
    run(code.replace("learn(2_048_000)", "learn(4)"), "sb3.py")
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_the_tasks_examples_build() -> None:
    examples = re.findall(r"```yaml\n(tasks:\n.*?)```", EVERYTHING, flags=re.S)
    built = []
    for text in examples:
        if "gravity" in text:  # needs a plugin, and is run by test_examples
            continue
        base = settings.load(settings.find("maml_cheetah_direction"), {"tasks": yaml.safe_load(text)["tasks"]})
        built.append(set(build_family(base).names))
    assert len(built) == 2
    assert all({"mass:trunk", "motor:FL_calf", "delay", "stairs_up"} < names for names in built)


def test_every_command_and_config_it_names_exists() -> None:
    commands = set(re.findall(r"(?:^ +|`)metarl (\w+)", EVERYTHING, flags=re.M))
    assert commands == set(COMMANDS) - {"quickstart"}
    trained = set(re.findall(r"metarl train (\w+)(?!\w*\.)", EVERYTHING)) - {"my_learner_point"}
    assert trained <= set(settings.names())


def test_every_path_it_names_exists() -> None:
    """Paths in code, in README and in the documentation; `<...>` stands for a name of the reader's."""
    paths = re.findall(r"`((?:envs|agents|metarl|configs|tests|docs|videos)/[\w/.-]*)`", EVERYTHING)
    assert len(paths) > 10
    missing = [p for p in paths if not (HOME / p).exists()]
    assert missing == []


@pytest.mark.parametrize("page", [HOME / "README.md", HOME / "CONTRIBUTING.md", *PAGES], ids=lambda p: p.stem)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+?)(?:#[\w-]+)?\)", page.read_text())
    missing = [t for t in targets if not (page.parent / t).exists() and "_generated" not in t]
    assert missing == []
