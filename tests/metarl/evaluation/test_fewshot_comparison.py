"""Runs of image classifiers side by side."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from metarl.evaluation import fewshot_comparison as compare
from metarl.evaluation import published
from metarl.evaluation.accuracy import AccuracyEvaluator
from metarl.evaluation.classification import Accuracy
from tests.metarl.evaluation.command import run, train

GLYPHS = "--tasks.data glyphs --tasks.way 3 --tasks.query 2 --train.num_threads 1 --train.iterations 1".split()
SMALL_NET = ["--learner.embedding.channels", "4"]
SMALL_MEMORY = "--learner.hidden 8 --learner.locations 8 --learner.width 4 --train.num_tasks 2".split()


def test_runs_are_one_table_with_what_is_published(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two seeds of one config are one row; a learner with its own number of ways has cells of its own."""
    first = train("prototypical_omniglot", [*GLYPHS, *SMALL_NET], capsys)
    second = train("prototypical_omniglot", [*GLYPHS, *SMALL_NET, "--seed", "1"], capsys)
    gradient = train("maml_omniglot", [*GLYPHS, *SMALL_NET, "--train.num_tasks", "2"], capsys)
    memory = train("mann_omniglot", [*GLYPHS, *SMALL_MEMORY], capsys)
    words = ["compare", first, second, gradient, memory, "--tasks", "2", "--ways", "3", "4", "--shots", "1"]
    code, out, err = run([*words, "--json"], capsys)
    assert code == 0, err
    rows = json.loads(out)
    assert [row["seeds"] for row in rows] == [[0, 1], [0], [0]]
    assert [[a["way"] for a in row["accuracy"]] for row in rows] == [[3, 4], [3], [3]]
    assert [p["time"] for p in rows[2]["presentations"]] == list(range(1, 11))
    assert rows[0]["published"] is None  # for these are glyphs
    code, out, err = run([*words, "--out", "table.md"], capsys)
    assert code == 0, err
    text = (workdir / "table.md").read_text()
    assert "| prototypical_omniglot | running | 2 |" in text
    assert text.count("| mann_omniglot |") == 2
    mean = 100 * sum(r["mean"] for r in rows[0]["accuracy"][0]["runs"]) / 2
    assert f"{mean:.1f}, " in text


def test_images_and_minutes_are_those_of_the_evaluated_checkpoint(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not those of the whole training, of which a later checkpoint is gone here."""
    length = ["--train.iterations", "2", "--train.checkpoint_every", "1"]
    path = Path(train("prototypical_omniglot", [*GLYPHS, *SMALL_NET, *length], capsys))
    shutil.rmtree(path / "checkpoints" / "iteration_0000002")
    (row,) = json.loads(run(["compare", str(path), "--tasks", "2", "--ways", "3", "--shots", "1", "--json"], capsys)[1])
    first, second = map(json.loads, (path / "metrics.jsonl").read_text().splitlines())
    assert (row["images"], row["minutes"]) == (first["env_steps"], first["seconds"] / 60)
    assert second["env_steps"] == 2 * first["env_steps"]


def test_what_was_evaluated_is_not_evaluated_again(
    workdir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = train("prototypical_omniglot", [*GLYPHS, *SMALL_NET], capsys)
    words = ["compare", path, "--tasks", "4", "--ways", "3", "--shots", "1", "--json"]
    before = run(words, capsys)[1]
    monkeypatch.setattr(AccuracyEvaluator, "evaluate", lambda *_: pytest.fail("evaluated again"))
    assert run(words, capsys)[1] == before


def test_published_numbers_stand_beside_ours_on_omniglot() -> None:
    row = published.find("omniglot", "reptile", "transductive")
    assert row is not None
    assert row.accuracy[5, 1] == 97.68
    assert published.find("omniglot", "reptile", "support+1") == published.OMNIGLOT["reptile"]
    assert published.find("omniglot", "lstm_meta_learner", "transductive") is None
    accuracies = [
        Accuracy(5, 1, "running", 0.97, 0.003, 1000),
        Accuracy(5, 1, "running", 0.98, 0.003, 1000),
    ]
    assert compare._cell(accuracies, 98.8) == "97.5, 97.0 to 98.0 (98.8)"
    assert compare._cell(accuracies[:1], None) == "97.0 +- 0.3"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "give at least one run"),
        (["prototypical_omniglot", "maml_sinusoid"], "tasks of kind sinusoid"),
        (["prototypical_omniglot", "--ways", "1"], "numbers of at least 2 classes"),
        (["prototypical_omniglot", "--out", "table.txt"], "ends in .md"),
        (["maml_omniglot", "--bn", "running"], "expected transductive or support+1"),
        (["mann_omniglot", "--bn", "running"], "no batch normalisation"),
    ],
)
def test_a_mistake_is_one_sentence(
    words: list[str], sentence: str, workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train("prototypical_omniglot", [*GLYPHS, *SMALL_NET], capsys)
    if "maml_omniglot" in words:
        train("maml_omniglot", [*GLYPHS, *SMALL_NET, "--train.num_tasks", "2"], capsys)
    if "mann_omniglot" in words:
        train("mann_omniglot", [*GLYPHS, *SMALL_MEMORY], capsys)
    if "maml_sinusoid" in words:
        train("maml_sinusoid", ["--train.iterations", "1"], capsys)
    code, _, err = run(["compare", *words], capsys)
    assert (code, sentence in err) == (2, True), err
