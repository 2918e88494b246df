"""Copies of sequences are evaluated by their length."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from metarl.evaluation.sequences import lengths_of
from tests.metarl.evaluation.command import run, train


def test_lengths_are_fractions_and_multiples_of_the_longest_in_training() -> None:
    assert lengths_of(20) == [5, 10, 20, 40, 80]
    assert lengths_of(1) == [1, 2, 4]


def test_a_turing_machine_is_evaluated_by_length(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = "--tasks.length 4 --learner.hidden 8 --learner.locations 8 --learner.width 4 --train.iterations 1".split()
    for name in ("ntm_copy", "ntm_repeat_copy"):
        train(name, [*words, "--train.num_tasks", "2"], capsys)
    code, out, err = run(["evaluate", "ntm_copy", "--tasks", "12", "--json"], capsys)
    assert code == 0, err
    (rows,) = json.loads(out)
    assert [row["length"] for row in rows] == [1, 2, 4, 8, 16]
    assert all(row["cost"]["low"] < row["cost"]["value"] for row in rows)
    code, out, err = run(["evaluate", "ntm_repeat_copy", "--tasks", "2"], capsys)
    assert code == 0, err
    assert "copies" in out
    for wrong, sentence in (
        (["evaluate", "ntm_copy", "--split", "ood"], "expected one of train, test"),
        (["record", "ntm_copy"], "nothing to film"),
        (
            ["train", "mann_sinusoid", "--learner.hiden", "3"],
            "learner.hiden is not a setting; did you mean --learner.hidden?",
        ),
        (
            ["train", "mann_omniglot", "--learner.locations", "2"],
            "4 reads need at least as many locations, but there are 2",
        ),
        (["train", "metanet_point", "--learner", "{kind: ntm}"], "--learner"),
    ):
        code, _, err = run(wrong, capsys)
        assert (code, sentence in err) == (2, True), err
