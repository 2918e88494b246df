"""What is said where there is no run."""

from __future__ import annotations

from pathlib import Path

import pytest

from metarl.runs.advice import no_run_at

KNOWN = [f"runs/config_{i}/20260101-00000{j}" for i in range(21) for j in range(3)]
FOLDERS = [f"runs/config_{i}" for i in range(21)]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("maml_point", "maml_point was never trained here: train it first, by metarl train maml_point"),
        ("runs/config_33", "there is no run at runs/config_33; did you mean runs/config_3?"),
        ("confg_3", "there is no run at confg_3; did you mean config_3?"),
    ],
)
def test_the_nearest_is_named(text: str, sentence: str) -> None:
    assert no_run_at(text, KNOWN, FOLDERS) == sentence


def test_few_configs_are_named_and_no_list_of_paths() -> None:
    sentence = no_run_at("something else", KNOWN, FOLDERS)
    assert sentence.count("config_") == 5
    assert "runs/" not in sentence
    assert "see metarl list runs" in sentence


def test_a_file_of_a_config_is_trained_first(workdir: Path) -> None:
    Path("mine.yaml").touch()
    assert no_run_at("mine.yaml", [], []).endswith("train it first, by metarl train mine.yaml")
