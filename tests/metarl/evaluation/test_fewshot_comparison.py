"""Runs side by side, and memories judged from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from agents.learner import Params
from agents.memory import LSTM, Stream
from agents.memory.stream import flatten_images, one_hot_labels
from agents.metric import Relation
from agents.objectives import cross_entropy
from envs.fewshot import glyphs
from envs.fewshot.episodes import FewShotImages
from metarl.cli import app as cli
from metarl.evaluation import accuracy, published
from metarl.evaluation import fewshot_comparison as compare
from metarl.runs import folder as runs

GLYPHS = "--tasks.data glyphs --tasks.way 3 --tasks.query 2 --train.num_threads 1 --train.iterations 1".split()
SMALL_NET = ["--learner.embedding.channels", "4"]
SMALL_MEMORY = "--learner.hidden 8 --learner.locations 8 --learner.width 4 --train.num_tasks 2".split()


def run(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        cli.main(words)
    out, err = capsys.readouterr()
    return int(stopped.value.code or 0), out, err


def train(name: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    code, _, err = run(["train", name, *words], capsys)
    assert code == 0, err
    return str(runs.find(name).path)


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


def test_statistics_for_other_shots_are_measured_afresh() -> None:
    """Pairs are normalised by those measured before, if these are left in theta: five shots after one, or at once."""
    learner, generator = Relation(2), torch.Generator().manual_seed(0)
    theta = learner.init(generator)
    images = [FewShotImages(glyphs.load(), 2, shot, 1) for shot in (1, 5)]

    def measured(theta: Params, which: int) -> Params:
        return accuracy.calibrate(learner, theta, images[which], torch.Generator().manual_seed(1))

    at_once = measured(theta, 1)
    for k, v in measured(measured(theta, 0), 1).items():
        assert torch.equal(v, at_once[k])


def test_what_was_evaluated_is_not_evaluated_again(
    workdir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = train("prototypical_omniglot", [*GLYPHS, *SMALL_NET], capsys)
    words = ["compare", path, "--tasks", "4", "--ways", "3", "--shots", "1", "--json"]
    before = run(words, capsys)[1]
    monkeypatch.setattr(accuracy, "evaluate", lambda *_: pytest.fail("evaluated again"))
    assert run(words, capsys)[1] == before


def test_published_numbers_stand_beside_ours_on_omniglot() -> None:
    row = published.omniglot("reptile", "transductive")
    assert row is not None
    assert row.accuracy[5, 1] == 97.68
    assert published.omniglot("reptile", "support+1") == published.OMNIGLOT["reptile"]
    assert published.omniglot("lstm_meta_learner", "transductive") is None
    found = [
        accuracy.Accuracy(5, 1, "running", 0.97, 0.003, 1000),
        accuracy.Accuracy(5, 1, "running", 0.98, 0.003, 1000),
    ]
    assert compare._cell(found, 98.8) == "97.5, 97.0 to 98.0 (98.8)"
    assert compare._cell(found[:1], None) == "97.0 +- 0.3"


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
def test_mistakes_are_said(words: list[str], sentence: str, workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train("prototypical_omniglot", [*GLYPHS, *SMALL_NET], capsys)
    if "maml_omniglot" in words:
        train("maml_omniglot", [*GLYPHS, *SMALL_NET, "--train.num_tasks", "2"], capsys)
    if "mann_omniglot" in words:
        train("mann_omniglot", [*GLYPHS, *SMALL_MEMORY], capsys)
    if "maml_sinusoid" in words:
        train("maml_sinusoid", ["--train.iterations", "1"], capsys)
    code, _, err = run(["compare", *words], capsys)
    assert (code, sentence in err) == (2, True), err


class Knowing(LSTM):
    """Answers with the class that was shown with the item before it."""

    def step(self, theta: Params, memory: Params, projected: torch.Tensor) -> tuple[Params, torch.Tensor]:
        return memory, projected

    def project_input(self, theta: Params, x: torch.Tensor) -> torch.Tensor:
        return x[..., 400:]


def test_presentations_are_counted_class_by_class(generator: torch.Generator) -> None:
    """A learner that repeats the last answer is right where a class follows itself; counted here by a plain loop."""
    family = FewShotImages(glyphs.load(6), 2, 3, 1)
    learner = Stream(Knowing(402, 2), flatten_images, one_hot_labels, cross_entropy, 2)
    theta = learner.init(generator) | {"last.weight": torch.eye(2), "last.bias": torch.zeros(2)}
    found = accuracy.by_presentation(learner, theta, family, "test", 30, torch.Generator().manual_seed(5))
    labels = family.examples(family.sample(30, "test", torch.Generator().manual_seed(5)))[0].y
    right = {1: 0, 2: 0, 3: 0}
    for stream in labels.tolist():
        seen = {0: 0, 1: 0}
        for t, label in enumerate(stream):
            seen[label] += 1
            said = stream[t - 1] if t else 0  # all logits are equal at first: the first class
            right[seen[label]] += said == label
    assert [a.mean * 60 for a in found] == pytest.approx(list(right.values()))


def test_a_turing_machine_is_judged_by_length(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
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
        (["train", "mann_sinusoid", "--learner.hiden", "3"], "learner.hiden is not a setting; did you mean hidden?"),
        (["train", "mann_omniglot", "--learner.locations", "2"], "4 reads need at least as many locations"),
        (["train", "metanet_point", "--learner", "{kind: ntm}"], "--learner"),
    ):
        code, _, err = run(wrong, capsys)
        assert (code, sentence in err) == (2, True), err


def test_a_memory_reads_waves(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train("mann_sinusoid", [*SMALL_MEMORY, "--train.iterations", "1"], capsys)
    code, out, err = run(["evaluate", "mann_sinusoid", "--tasks", "12"], capsys)
    assert code == 0, err
    assert "after" in out
    assert "before" in out
