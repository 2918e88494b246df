"""Keys of version 0.11 are read, with a line that names the new one."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from metarl.config import files as settings
from metarl.config.renamed import RENAMED, new_key, with_new_keys

OLD = {
    "lr_halve_every:": "halve_every:",
    "memory_reset:": "reset:",
    "adapted_params:": "adapts:",
    "lr_anneal:": "anneal:",
    "advantage:": "credit:",
}


@pytest.mark.parametrize("name", ["prototypical_omniglot", "gru_robot", "anil_robot", "reptile_omniglot"])
def test_a_config_of_version_0_11_is_read(name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = settings.find(name).read_text()
    for new, old in OLD.items():
        text = text.replace(f"{new}", old)
    (tmp_path / "old.yaml").write_text(text)
    with caplog.at_level(logging.WARNING):
        assert settings.load(tmp_path / "old.yaml") == settings.load(settings.find(name))
    assert " is called " in caplog.text


def test_an_option_of_version_0_11_is_read(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        config = settings.load(settings.find("maml_point"), {"credit.gamma": 0.5, "outer.entropy_coef": 0.1})
    assert "--credit.gamma is called --advantage.gamma now" in caplog.text
    assert (config.advantage.gamma, config.outer.ent_coef) == (0.5, 0.1)  # type: ignore[attr-defined]


def test_every_variable_has_its_keys_renamed(caplog: pytest.LogCaptureFixture) -> None:
    raw = {"tasks": {"vary": {"mass": {"train": [1, 2], "law": "log"}, "damping": {"each": True}, "direction": 1}}}
    with caplog.at_level(logging.WARNING):
        vary = with_new_keys(raw, "mine.yaml")["tasks"]["vary"]
    assert vary == {"mass": {"train": [1, 2], "spacing": "log"}, "damping": {"per_element": True}, "direction": 1}
    assert "mine.yaml: tasks.vary.mass.law is called spacing now" in caplog.text


def test_dotted_keys_are_renamed() -> None:
    assert new_key("credit.gamma") == "advantage.gamma"
    assert new_key("tasks.vary.mass.law") == "tasks.vary.mass.spacing"
    assert new_key("learner.inner_lr") == "learner.inner_lr"
    assert all(new_key(old.replace("*", "mass")) == new.replace("*", "mass") for old, new in RENAMED.items())


def test_old_names_within_the_value_of_an_option_are_read() -> None:
    vary = {"direction": {"choices": [-1, 1]}, "mass": {"train": [0.8, 1.2], "law": "log"}}
    config = settings.load(settings.find("maml_robot"), {"tasks": {"kind": "locomotion", "robot": "ant", "vary": vary}})
    assert config.tasks.vary["mass"].spacing == "log"  # type: ignore[attr-defined]


def test_a_setting_of_a_plugin_with_an_old_name_stays(caplog: pytest.LogCaptureFixture) -> None:
    """Its learner has `reset`, which others have as `memory_reset`."""
    with caplog.at_level(logging.WARNING):
        raw = with_new_keys({"learner": {"kind": "mine", "reset": True}}, "mine.yaml", {"learner.reset"})
        assert new_key("learner.reset", {"learner.reset"}) == "learner.reset"
    assert raw == {"learner": {"kind": "mine", "reset": True}}
    assert not caplog.text
