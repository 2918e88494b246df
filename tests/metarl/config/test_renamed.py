"""Settings under their names in the release before."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from metarl.config import files as settings
from metarl.config import renamed
from metarl.errors import UserError

POINT = settings.find("maml_point")


def target_kl(raw: dict[str, Any], overrides: dict[str, Any] | None = None) -> float:
    return float(settings.parse(raw, "old.yaml", overrides).outer.model_dump()["target_kl"])


@pytest.fixture
def old() -> dict[str, Any]:
    raw = settings.read_yaml(POINT)
    del raw["outer"]["target_kl"]
    return raw | {"outer": raw["outer"] | {"max_kl": 0.03}}


@pytest.fixture(autouse=True)
def nothing_said() -> None:
    renamed._warn.cache_clear()


def test_an_old_name_is_read_and_one_line_names_the_new_one(
    old: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert [target_kl(old), target_kl(old)] == [0.03, 0.03]
    line = "old.yaml: outer.max_kl is called outer.target_kl now; its old name is read by this release only"
    assert caplog.messages == [line]
    assert "max_kl" in old["outer"]


def test_an_override_counts_under_either_name(old: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    new = settings.read_yaml(POINT)
    assert target_kl(old, {"outer.target_kl": 0.2}) == 0.2
    assert target_kl(old, {"outer.max_kl": 0.2}) == 0.2
    assert target_kl(new, {"outer.max_kl": 0.2}) == 0.2
    assert caplog.messages[-1].startswith("--outer.max_kl is called outer.target_kl now")


def test_both_names_in_one_place_are_refused(old: dict[str, Any]) -> None:
    both = old | {"outer": old["outer"] | {"target_kl": 0.1}}
    with pytest.raises(UserError, match=r"^old.yaml has both outer.max_kl and outer.target_kl, its new name: give"):
        target_kl(both)
    with pytest.raises(UserError, match="give the new one alone"):
        target_kl(both, {"outer.max_kl": 0.2, "outer.target_kl": 0.2})


def test_the_same_name_of_another_kind_is_left_alone(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    config = settings.load(settings.find("maml_trpo_cheetah_direction"), {"outer.max_kl": 0.2})
    assert config.outer.model_dump()["max_kl"] == 0.2
    assert caplog.messages == []
    (tmp_path / "config.yaml").write_text(settings.dump(config))
    assert settings.load(tmp_path / "config.yaml") == config
