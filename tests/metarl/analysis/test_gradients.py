"""`metarl analyse gradients`: what it measures, prints and draws, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from agents.optimization.analysis import METHODS, spacing
from metarl.analysis import gradients as analyse
from metarl.cli import app as cli
from metarl.config import schema
from metarl.runs import folder as runs

SMALL_IMAGES = ["--tasks.data", "glyphs", "--tasks.way", "3", "--learner.embedding.channels", "4"]
TINY = ["--tasks", "2", "--train.iterations", "2", "--train.num_tasks", "3", "--train.num_threads", "1"]


def run(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    out = capsys.readouterr()
    return int(caught.value.code or 0), out.out, out.err


@pytest.mark.parametrize(
    ("config", "options"),
    [
        ("maml_sinusoid", ["--steps", "3"]),
        ("reptile_omniglot", SMALL_IMAGES),
        ("maml_omniglot", [*SMALL_IMAGES, "--learner.learn_inner_lr", "true", "--tasks.shot", "2"]),
    ],
)
def test_the_smallest_rates_show_the_law(
    config: str, options: list[str], workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(["analyse", "gradients", config, "--tasks", "2", *options, "--json"], capsys)
    assert code == 0, err
    found = json.loads(out)
    for method in METHODS:
        row, wanted = found["methods"][method], spacing(method, found["k"])
        assert row["law"] == wanted._asdict()
        assert row["points"][0]["fitted"] == pytest.approx(wanted._asdict(), rel=1e-3)
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


def test_batches_show_every_class_equally_often_and_no_drawing_twice(small: Callable[..., schema.Config]) -> None:
    tasks = small("maml_omniglot", tasks__shot=2).tasks
    assert isinstance(tasks, schema.FewShotTasks)
    batches = analyse.draw(tasks, 4, num_tasks=3, seed=1)
    assert batches.x.shape == (3, 4, 6, 1, 28, 28)
    assert batches.y.sort(-1).values.tolist() == [[[0, 0, 1, 1, 2, 2]] * 4] * 3
    for task in batches.x.flatten(1, 2):
        assert len({tuple(picture.flatten().tolist()) for picture in task}) == 24


def test_waves_are_cut_into_batches(small: Callable[..., schema.Config]) -> None:
    tasks = small("maml_sinusoid", tasks__shot=5).tasks
    assert isinstance(tasks, schema.SinusoidTasks)
    batches = analyse.draw(tasks, 3, num_tasks=2, seed=1)
    assert batches.x.shape == batches.y.shape == (2, 3, 5, 1)
    assert len(batches.x.unique()) == 30
    assert batches.x.dtype == torch.float64


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["maml_sinusoid", "--steps", "1"], "--steps is 1, expected 2 to 10"),
        (["maml_sinusoid", "--alphas", "0.1"], "--alphas is 0.1, expected two or more different rates above 0"),
        (["maml_sinusoid", "--alphas", "0.1", "-1"], "--alphas is 0.1 -1, expected two or more"),
        (["maml_sinusoid", "--alphas", "0.1", "1e200", "--tasks", "2"], "are not finite: give a smaller one"),
        (["maml_sinusoid", "--out", "x.txt"], "expected a file name that ends in .png"),
        (["maml_sinusoid", "--tasks.shots", "3"], "--tasks.shots is not a setting; did you mean shot?"),
        (["maml_sinusoit"], "there is no config and no run named 'maml_sinusoit': did you mean"),
        (["quickstart"], "tasks of kind locomotion have no batches of examples"),
        (["prototypical_omniglot"], "learner prototypical has no fixed inner rate"),
        (["reptile_omniglot", "--learner.inner_optimizer", "adam"], "the law is that of gradient descent"),
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


def test_estimators_are_put_beside_the_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the expected return as baseline the usual form has no second derivative left: the policy is a softmax, whose
    Hessian is the same for every action."""
    out = tmp_path / "picture.png"
    with pytest.raises(SystemExit) as end:
        cli.main(["analyse", "estimators", "--tasks", "2", "--json", "--out", str(out)])
    assert end.value.code == 0
    found = json.loads(capsys.readouterr().out)
    assert out.stat().st_size > 10_000
    second = found["second_derivative"]["baseline"]
    assert all(abs(m["bias"] - 1) < 1e-9 for m in second["loglik"])
    assert all(m["bias"] < 1e-9 for m in second["dice"] + second["lvc"][:1] + found["meta_gradient"]["emaml"])


@pytest.mark.parametrize("words", [["gradients"], ["estimators", "maml_sinusoid"], ["estimators", "--seeed", "2"]])
def test_analyse_says_what_is_wrong(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["analyse", *words])
    assert end.value.code == 2
    assert capsys.readouterr().err
