"""Lists of numbers on the command line, and configs by name from Python."""

from __future__ import annotations

from pathlib import Path

import pytest

from metarl import config
from metarl.config import files
from metarl.config.lists import joined_lists
from metarl.errors import UserError


@pytest.mark.parametrize(
    ("words", "joined"),
    [
        ("a --policy.hidden 32 32", "a|--policy.hidden|[32, 32]"),
        ("--policy.hidden 32 32 a --seed 1 2", "--policy.hidden|[32, 32]|a|--seed|1|2"),
        ("--tasks.vary.slope_deg.train -8 8 --x", "--tasks.vary.slope_deg.train|[-8, 8]|--x"),
        ("--learner.inner_lr 1e-3", "--learner.inner_lr|1e-3"),
        ("--tasks.robot ant 3", "--tasks.robot|ant|3"),
        ("--policy.hidden=[8] 9", "--policy.hidden=[8]|9"),
    ],
)
def test_numbers_that_follow_a_setting_are_its_list(words: str, joined: str) -> None:
    assert "|".join(joined_lists(words.split())) == joined


@pytest.mark.parametrize("words", ["--policy.hidden", "--policy.hidden --seed 1"])
def test_a_setting_without_a_value_is_refused(words: str) -> None:
    with pytest.raises(UserError, match=r"^--policy.hidden needs a value$"):
        joined_lists(words.split())


def test_a_list_and_a_single_number_reach_the_config() -> None:
    _, overrides = files.split_overrides(joined_lists("--policy.hidden 32 16".split()))
    assert config.load("quickstart", overrides).policy.hidden == (32, 16)
    assert config.load("quickstart", {"policy.hidden": 8}).policy.hidden == (8,)


def test_a_config_is_loaded_by_its_name_and_by_its_path(workdir: Path) -> None:
    loaded = files.load(files.find("quickstart"))
    assert config.load("quickstart") == loaded
    Path("mine.yaml").write_text(files.dump(loaded))
    assert config.load("mine.yaml") == config.load(Path("mine.yaml")) == loaded
    with pytest.raises(UserError, match="did you mean quickstart"):
        config.load("quikstart")
