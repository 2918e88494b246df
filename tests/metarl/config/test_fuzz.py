"""Whatever is written into a config or a command line: it is accepted, or refused in one sentence."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings, strategies

from metarl.config import files as config
from metarl.errors import UserError
from tests import fuzz_configs

QUICKSTART = config.find("maml_slope")
RAW = config.read_yaml(QUICKSTART)


KEYS = strategies.sampled_from(fuzz_configs.paths(RAW)) | strategies.text("abcxyz._", min_size=1, max_size=20)
NUMBERS = strategies.integers() | strategies.floats() | strategies.sampled_from([-1, 0, 1, 1e-9, 1e300])
LEAVES = NUMBERS | strategies.booleans() | strategies.none() | strategies.text(max_size=8)
WORDS = strategies.text("-.=abc:[]{}&*!1", min_size=1, max_size=12) | KEYS.map("--{}".format)
NAMES = strategies.text("acdhinort", max_size=6)
VALUES = strategies.recursive(LEAVES, lambda v: strategies.lists(v, max_size=3) | strategies.dictionaries(NAMES, v))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(strategies.dictionaries(KEYS, VALUES, min_size=1, max_size=3))
def test_any_settings_are_accepted_or_refused_in_one_sentence(overrides: dict[str, Any]) -> None:
    said = "accepted without a word"
    try:
        config.load(QUICKSTART, overrides)
    except UserError as error:
        said = str(error)
    assert "\n" not in said
    assert len(said) > 10


@settings(max_examples=300, deadline=None, derandomize=True)
@given(strategies.lists(WORDS, max_size=5))
def test_any_words_are_split_or_refused(words: list[str]) -> None:
    own, overrides, said = [], {}, ""
    try:
        own, overrides = config.split_overrides(words)
    except UserError as error:
        said = str(error)
    assert "\n" not in said
    assert len(own) + len(overrides) <= len(words)


def test_any_config_is_refused_or_trains() -> None:
    seen = fuzz_configs.main(150)
    assert seen["trained"] > 15
    assert seen["refused"] > 50


def test_a_kind_where_there_are_none_is_no_setting() -> None:
    with pytest.raises(UserError, match=r"advantage\.kind is not a setting"):
        config.load(QUICKSTART, {"advantage": {"kind": "ppo"}})
