"""The registry of learners: a folder of settings, and plugins."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Literal

import pytest

import agents.learners
from agents.registry import LEARNERS
from agents.settings import LearnerSettings
from envs.registry import Registry

FOLDER = Path(agents.learners.__path__[0])
HELPERS = {"__init__", "parts"}  # files without settings


class PluginSettings(LearnerSettings):
    """A learner of another package."""

    kind: Literal["plugin"] = "plugin"


class TakenSettings(LearnerSettings):
    """A learner whose name is that of another."""

    kind: Literal["maml"] = "maml"


def module_with(settings: type[LearnerSettings]) -> ModuleType:
    module = ModuleType("some_plugin")
    module.Settings = settings  # type: ignore[attr-defined]  # a plugin's module has it
    return module


@pytest.fixture
def registry() -> Registry[type[LearnerSettings]]:
    """A registry of its own, so that plugins do not stay in that of other tests."""
    return Registry(LEARNERS.what, LEARNERS.package, LEARNERS.attribute, LEARNERS.name_of, LEARNERS.group)


def test_every_file_is_the_learner_of_its_name() -> None:
    assert set(LEARNERS.names()) == {path.stem for path in FOLDER.glob("*.py")} - HELPERS
    for name, settings in LEARNERS.items().items():
        assert settings.__module__ == f"agents.learners.{name}"


def test_every_learner_has_a_description() -> None:
    assert all(LEARNERS.describe().values())


def test_listing_and_checking_settings_imports_no_torch() -> None:
    code = (
        "import sys; from agents.registry import LEARNERS; LEARNERS.names(); LEARNERS.describe(); "
        "LEARNERS['maml'](inner_lr=0.5); print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=FOLDER.parents[1]
    )
    assert done.stdout.strip() == "False"


def test_the_settings_of_a_plugin_are_taken(registry: Registry[type[LearnerSettings]]) -> None:
    assert registry.add(module_with(PluginSettings))
    assert registry["plugin"] is PluginSettings
    assert registry.describe()["plugin"] == "A learner of another package."
    assert "plugin" not in LEARNERS


def test_a_module_without_settings_is_not_taken(registry: Registry[type[LearnerSettings]]) -> None:
    assert not registry.add(ModuleType("empty"))


def test_a_name_that_is_taken_is_refused(registry: Registry[type[LearnerSettings]]) -> None:
    registry.names()
    with pytest.raises(ValueError, match="some_plugin offers the learner 'maml', a name that is taken"):
        registry.add(module_with(TakenSettings))


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean maml"):
        LEARNERS["mamml"]
