"""`metarl analyse estimators`: estimators beside exact values."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from metarl.cli import app as cli


def test_estimators_are_compared_with_exact_values(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the expected return as baseline the usual form has no second derivative left: the policy is a softmax, whose
    Hessian is the same for every action."""
    out = tmp_path / "picture.png"
    with pytest.raises(SystemExit) as end:
        cli.main(["analyse", "estimators", "--tasks", "2", "--json", "--out", str(out)])
    assert end.value.code == 0
    errors = json.loads(capsys.readouterr().out)
    assert out.stat().st_size > 10_000
    second = errors["second_derivative"]["baseline"]
    assert all(abs(m["bias"] - 1) < 1e-9 for m in second["loglik"])
    assert all(m["bias"] < 1e-9 for m in second["dice"] + second["lvc"][:1] + errors["meta_gradient"]["emaml"])


@pytest.mark.parametrize("words", [["gradients"], ["estimators", "maml_sinusoid"], ["estimators", "--seeed", "2"]])
def test_wrong_words_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["analyse", *words])
    assert end.value.code == 2
    assert capsys.readouterr().err
