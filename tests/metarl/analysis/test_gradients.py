"""`metarl analyse gradients`: what it measures, prints and draws, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agents.optimization.analysis import METHODS, law
from metarl.runs import folder as runs
from tests.metarl.evaluation.command import run

SMALL_IMAGES = ["--tasks.data", "glyphs", "--tasks.way", "3", "--learner.embedding.channels", "4"]
TINY = ["--tasks", "2", "--train.iterations", "2", "--train.num_tasks", "3", "--train.num_threads", "1"]


@pytest.mark.parametrize(
    ("config", "options"),
    [
        ("maml_sinusoid", ["--steps", "3"]),
        ("reptile_omniglot", SMALL_IMAGES),
        ("maml_omniglot", [*SMALL_IMAGES, "--learner.learn_inner_lr", "true", "--tasks.shot", "2"]),
    ],
)
def test_the_smallest_rates_show_the_taylor_expansion(
    config: str, options: list[str], workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(["analyse", "gradients", config, "--tasks", "2", *options, "--json"], capsys)
    assert code == 0, err
    analysis = json.loads(out)
    for method in METHODS:
        row, expansion = analysis["methods"][method], law(method, analysis["k"])
        assert row["law"] == expansion._asdict()
        assert row["points"][0]["fitted"] == pytest.approx(expansion._asdict(), rel=1e-3)
        assert row["slopes"][:2] == pytest.approx([2, 2], abs=0.1)
        assert row["at_inner_lr"]["residual"] > row["points"][0]["residual"]
    assert (workdir / "gradients.png").stat().st_size > 20_000


def test_tables_of_a_trained_run_differ_from_those_of_its_config(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["train", "fomaml_sinusoid", *TINY[2:]], capsys)[0] == 0
    words = ["--tasks", "2", "--alphas", "1e-6", "3e-6"]
    initial = run(["analyse", "gradients", "fomaml_sinusoid", *words], capsys)[1]
    code, trained, _ = run(["analyse", "gradients", "runs/fomaml_sinusoid", *words, "--out", "a.pdf"], capsys)
    assert code == 0
    assert "initial weights" in initial
    assert "iteration 2" in trained
    for word in ("MAML", "FOMAML", "Reptile", "inner_lr", "cosine with B", "residual", "slope", "wrote a.pdf"):
        assert word in trained
    assert initial.split("│")[1:] != trained.split("│")[1:]
    assert runs.find("fomaml_sinusoid").path.joinpath("checkpoints").is_dir()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["maml_sinusoid", "--steps", "1"], "--steps is 1, expected 2 to 10"),
        (["maml_sinusoid", "--alphas", "0.1"], "--alphas is 0.1, expected two or more different rates above 0"),
        (["maml_sinusoid", "--alphas", "0.1", "-1"], "--alphas is 0.1 -1, expected two or more"),
        (["maml_sinusoid", "--alphas", "0.1", "1e200", "--tasks", "2"], "are not finite: give a smaller one"),
        (["maml_sinusoid", "--out", "x.txt"], "expected a file name that ends in .png"),
        (["maml_sinusoid", "--tasks.shots", "3"], "--tasks.shots is not a setting; did you mean --tasks.shot?"),
        (["maml_sinusoit"], "there is no config and no run named 'maml_sinusoit': did you mean"),
        (["quickstart"], "tasks of kind locomotion have no batches of examples"),
        (["prototypical_omniglot"], "learner prototypical has no fixed inner rate"),
        (
            ["reptile_omniglot", "--learner.inner_optimizer", "adam"],
            "the Taylor expansion is that of plain gradient descent",
        ),
        (["maml_omniglot", "--steps", "5", "--tasks.shot", "5"], "--steps 5 asks for 5 x 5 drawings of a class"),
    ],
)
def test_a_mistake_is_one_sentence(
    words: list[str], sentence: str, workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(["analyse", "gradients", *words], capsys)
    assert code == 2
    assert sentence in err
    assert err.count("\n") == 1
    assert list(workdir.iterdir()) == []
