"""Lake's one-shot runs: how they are made and counted, and which runs they are for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from agents.learner import Learner, Params
from envs.core import Examples
from envs.fewshot import glyphs, omniglot
from envs.fewshot.images import ImageSet
from metarl.evaluation import lake
from metarl.runs import folder as runs
from tests.metarl.evaluation.command import run


def has_omniglot() -> bool:
    try:
        return bool(omniglot.find_file())
    except FileNotFoundError:
        return False


real = pytest.mark.skipif(not has_omniglot(), reason="no packed Omniglot: METARL_DATA is not set")


def alphabets() -> omniglot.Runs:
    """Twenty runs, each of the 20 characters of one of the alphabets of `glyphs.load()`, queried in another order."""
    classes = torch.arange(400).view(20, 20)
    label = torch.rand(20, 20, generator=torch.Generator().manual_seed(3)).argsort(-1)
    support = torch.stack([classes, torch.zeros(20, 20).long()], -1)
    query = torch.stack([classes.gather(1, label), torch.ones(20, 20).long()], -1)
    return omniglot.Runs(support, query, label)


@pytest.fixture(scope="module")
def sampled() -> ImageSet:
    return glyphs.load()


@dataclass(frozen=True)
class Constant(Learner[Tensor]):
    """Predicts the same of everything."""

    way: int = 5
    bn: str = "none"

    def initial_state(self, theta: Params) -> Params:
        return {}

    def adapt(self, theta: Params, phi: Params, support: Examples) -> Params:
        return {"x": support.x.flatten(1), "y": support.y}

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Tensor:
        return torch.zeros(len(x), self.way)


@dataclass(frozen=True)
class Cosine(Constant):
    """The nearest drawing by the cosine of its pixels."""

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Tensor:
        near = F.normalize(x.flatten(1)) @ F.normalize(phi["x"]).T
        return torch.full((len(x), self.way), -1.0).index_copy(1, phi["y"], near)


def test_a_task_shows_every_character_once_in_another_order_and_labels_follow(sampled: ImageSet) -> None:
    """Each query's character is the one that stands where its label says."""
    trials, queries = lake.supervised_tasks(sampled, alphabets(), torch.Generator().manual_seed(0)), alphabets()
    assert trials.support[0].x.shape == trials.query.x.shape == (20, 20, 1, 28, 28)
    moved = 0
    for row in range(20):
        shown = trials.support[0].x[row, :, 0]
        assert torch.equal(trials.support[0].y[row], torch.arange(20))
        for i in range(20):
            character = queries.query[row, i, 0]
            assert torch.equal(shown[trials.query.y[row, i]], sampled.pixels[character, 0].float())
            assert torch.equal(trials.query.x[row, i, 0], sampled.pixels[character, 1].float())
        moved += int((trials.query.y[row] != queries.label[row]).sum())
    assert moved > 300
    other = lake.supervised_tasks(sampled, queries, torch.Generator().manual_seed(1))
    assert not torch.equal(other.query.y, trials.query.y)


def test_a_constant_prediction_is_correct_by_chance(sampled: ImageSet) -> None:
    """One of 20 in each run, 20 of 400, although the first of equal logits is taken; even if labels are in order."""
    in_order = alphabets()._replace(label=torch.arange(20).expand(20, 20), query=alphabets().support)
    for queries in (alphabets(), in_order):
        trials = lake.supervised_tasks(sampled, queries, torch.Generator().manual_seed(0))
        assert lake.count_correct(Constant(), {}, trials) == [1] * 20


def test_queries_of_the_first_character_are_not_correct_because_it_is_first(sampled: ImageSet) -> None:
    """Were every label 0, as in a folder whose match comes first, a constant would be right 400 times of 400."""
    queries = alphabets()
    first = omniglot.Runs(queries.support, queries.support[:, :1].expand(20, 20, 2), torch.zeros(20, 20).long())
    trials = lake.supervised_tasks(sampled, first, torch.Generator().manual_seed(0))
    assert sum(lake.count_correct(Constant(), {}, trials)) <= 80  # of 20 runs, a few


def test_the_percentage_and_its_interval_are_over_the_runs() -> None:
    """Ten runs of 20 right and ten of 10: 300 of 400, 75 %; the mean of 20 draws has a standard error of 5.6."""
    one = lake.OneShot("a/b", 1, "running", 0, [20] * 10 + [10] * 10)
    assert one.total == 300
    assert one.percent.value == 75
    assert 75 - one.percent.low == pytest.approx(1.96 * 25 / 20**0.5, abs=2)
    assert one.percent.high - 75 == pytest.approx(1.96 * 25 / 20**0.5, abs=2)


@real
def test_pixels_are_right_87_times_of_400_by_cosine() -> None:
    """As counted from the files, and published as 21.7 % (Koch et al. 2015, table 2)."""
    images = omniglot.load(size=105, splits="lake")
    trials = lake.supervised_tasks(images, omniglot.one_shot_runs(), torch.Generator().manual_seed(0))
    assert sum(lake.count_correct(Cosine(), {}, trials)) == 87
    assert lake.count_correct(Constant(), {}, trials) == [1] * 20


@real
def test_lakes_runs_have_no_character_of_lakes_training_split() -> None:
    queries = omniglot.one_shot_runs()
    split = {name: omniglot.load(splits=name).split for name in ("lake", "vinyals")}  # type: ignore[arg-type]
    classes = queries.support[..., 0].unique()
    assert (split["lake"][classes] == 2).all()
    assert (split["vinyals"][classes] == 0).any()


FEW = "--tasks.query 2 --train.num_threads 1 --train.iterations 2".split()
SMALL = ["--learner.embedding.channels", "8"]


@pytest.fixture
def instead(monkeypatch: pytest.MonkeyPatch, sampled: ImageSet) -> None:
    """Glyphs where Omniglot would be read."""
    monkeypatch.setattr(omniglot, "load", lambda *_, **__: sampled)
    monkeypatch.setattr(omniglot, "one_shot_runs", alphabets)


@pytest.mark.usefixtures("instead")
def test_the_command_prints_a_table_and_json_and_stores_a_file(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("siamese_omniglot", "prototypical_omniglot"):
        words = ["train", name, *FEW, *SMALL, "--tasks.way", "4", "--tasks.splits", "lake"]
        code, _, err = run([*words, *(["--tasks.distort", "true"] if name == "siamese_omniglot" else [])], capsys)
        assert code == 0, err
    words = ["evaluate", "siamese_omniglot", "--lake", "--against", "prototypical_omniglot"]
    code, out, err = run(words, capsys)
    assert code == 0, err
    assert "right of 400" in out
    first, again = (run([*words, "--json"], capsys)[1] for _ in range(2))
    assert first == again
    rows = json.loads(first)
    for row in rows:
        assert sum(row["right"]) == row["total"]
        assert row["trials"] == 400
        assert row["percent"]["value"] == pytest.approx(row["total"] / 4)
        assert row["percent"]["low"] <= row["percent"]["value"] <= row["percent"]["high"]
    stored = runs.find("siamese_omniglot").path / "lake_iteration2_running_seed0.json"
    assert json.loads(stored.read_text()) == rows[0]


@pytest.mark.usefixtures("instead")
def test_a_run_that_does_not_fit_is_refused_in_one_sentence(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    splits = ["--tasks.splits", "lake"]
    for words in (
        ["train", "maml_omniglot", *FEW, *SMALL, *splits, "--tasks.way", "5"],
        ["train", "prototypical_omniglot", *FEW, *SMALL, "--tasks.way", "4"],
        ["train", "matching_omniglot", *FEW, *SMALL, "--tasks.way", "4", "--tasks.data", "glyphs", *splits],
        ["train", "maml_point", *"--train.iterations 1 --train.num_tasks 2 --train.episodes 2".split()],
    ):
        assert run(words, capsys)[0] == 0
    for name, words, sentence in (
        ("maml_omniglot", [], "--lake has trials of 20 classes, but the last layer of maml_omniglot/"),
        ("prototypical_omniglot", [], "its splits being vinyals: train one with --tasks.splits lake"),
        ("matching_omniglot", [], "--lake is for runs on Omniglot"),
        ("maml_point", [], "--lake is for runs on Omniglot"),
        ("prototypical_omniglot", ["--ways", "5"], "--lake has 400 trials of its own: leave out --ways"),
        ("prototypical_omniglot", ["--tasks", "50"], "--lake has 400 trials of its own"),
    ):
        code, _, err = run(["evaluate", name, "--lake", *words], capsys)
        assert (code, sentence in err, err.count("\n")) == (2, True, 1), err


@pytest.mark.usefixtures("instead")
def test_a_gradient_learner_of_twenty_ways_can_be_evaluated(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "reptile_omniglot", *FEW, *SMALL, "--tasks.splits", "lake", "--tasks.way", "20"]
    assert run([*words, "--train.num_tasks", "1", "--learner.test_steps", "2"], capsys)[0] == 0
    code, out, err = run(["evaluate", "reptile_omniglot", "--lake", "--json"], capsys)
    assert code == 0, err
    assert json.loads(out)[0]["bn"] == "transductive"
