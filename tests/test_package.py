"""The package as it is installed and imported."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent


def test_a_stranger_named_envs_is_refused_by_its_path(tmp_path: Path) -> None:
    """A folder of that name in front of ours on the path would otherwise be imported silently."""
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs" / "__init__.py").touch()
    path = os.pathsep.join([str(tmp_path), str(HOME)])
    env = os.environ | {"PYTHONPATH": path}
    words = [sys.executable, "-c", "import metarl"]
    done = subprocess.run(words, env=env, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"metarl needs its own package 'envs' at {HOME / 'envs'}" in done.stderr
    assert str(tmp_path / "envs") in done.stderr
    command = tmp_path / "metarl"  # as the installed command: the sentence alone
    command.write_text("import metarl")
    done = subprocess.run([sys.executable, command], env=env, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error: metarl needs its own package 'envs'")
    assert len(done.stderr.splitlines()) == 1


def test_constraints_pin_what_the_project_asks_for() -> None:
    """Every core dependency has an exact tested version, torch without a local build tag."""
    pins = dict(line.split("==") for line in (HOME / "constraints.txt").read_text().split())
    names = {k.lower().replace("_", "-") for k in pins}
    asked = "torch mujoco gymnasium stable-baselines3 numpy scipy pydantic pyyaml tyro rich safetensors av matplotlib"
    assert set(asked.split()) <= names
    assert "+" not in pins["torch"]


def test_the_image_holds_what_the_package_is_built_from() -> None:
    """Everything that the Dockerfile copies exists, and `.dockerignore` lets it through."""
    lines = (HOME / "Dockerfile").read_text().splitlines()
    copied = {word for line in lines if line.startswith("COPY") for word in line.split()[1:-1]}
    assert all((HOME / name).exists() for name in copied)
    let_through = {line[1:] for line in (HOME / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied <= let_through
    project = tomllib.loads((HOME / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert {*wheel["packages"], *wheel["force-include"], project["project"]["readme"], "pyproject.toml"} <= copied
    assert {line for line in lines if line.startswith("USER")} == {"USER metarl"}


def test_extras_are_pinned_too() -> None:
    """Except those that an extra of the project names in turn."""
    pins = {line.split("==")[0].lower().replace("_", "-") for line in (HOME / "constraints.txt").read_text().split()}
    extras = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    asked = {re.split(r"[\[<>=]", need)[0].lower() for needs in extras.values() for need in needs}
    assert asked - {"metarl-suite"} <= pins
