"""Where a run simulates and learns is as asked for, or measured; what is not there is said."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from agents.learner import Params
from metarl.benchmarks import device as bench_device
from metarl.benchmarks.device import Measured, pays_from
from metarl.config.experiment import Config, without_placement
from metarl.errors import UserError
from metarl.runs import checkpoint
from metarl.runs import folder as runs
from metarl.training import outer, placement
from metarl.training.build import build_family
from metarl.training.loop import _within_memory
from metarl.training.make import make_trainer
from metarl.training.outer import Gradient
from metarl.training.placement import CPU, Placement, place
from metarl.training.trainer import Trainer
from tests.metarl.cli.test_app import run

Small = Callable[..., Config]


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a card that nobody asks to do anything."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr("envs.simulation.warp_model.cuda_is_usable", lambda: True)


@pytest.fixture
def no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.usefixtures("no_card")
def test_without_a_card_all_is_on_the_processor(small: Small) -> None:
    assert place(small("maml_cheetah_direction"))[:2] == ("cpu", "cpu")
    assert place(small("prototypical_omniglot"))[:2] == ("cpu", "cpu")
    assert place(small("maml_cheetah_direction"), "gpu", "cpu")[:2] == ("gpu", "cpu")


@pytest.mark.usefixtures("no_card")
@pytest.mark.parametrize(
    ("name", "simulator", "device", "said"),
    [
        ("maml_cheetah_direction", "gpu", "auto", "train.simulator is gpu, but there is no CUDA GPU"),
        ("maml_cheetah_direction", "auto", "cuda", "train.device is cuda, but torch .* finds no CUDA GPU"),
        ("maml_point", "gpu", "auto", "train.simulator gpu is for robots: tasks of kind point have none"),
    ],
)
def test_what_is_not_there_is_said(small: Small, name: str, simulator: str, device: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        place(small(name), simulator, device)


MANY = {"train.num_tasks": 64, "train.episodes": 32}  # worlds: as many as `auto` takes a GPU for


@pytest.mark.usefixtures("card")
def test_auto_takes_the_gpu_from_so_many_worlds_on(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MANY["train.num_tasks"] * MANY["train.episodes"] == placement.GPU_FROM
    config, few = small("maml_cheetah_direction", **MANY), small("maml_cheetah_direction")
    monkeypatch.setattr(placement, "build_family", lambda config, *where: build_family(config))
    assert place(config)[:2] == ("gpu", "cuda:0")
    assert "2,048 worlds, 2,048 or more" in place(config).why
    assert place(few)[:2] == ("cpu", "cpu")
    assert "6 worlds: a GPU is taken from 2,048 on" in place(few).why
    assert place(few, device="cuda")[:2] == ("cpu", "cuda:0")
    assert place(config, device="cpu")[:2] == ("cpu", "cpu")
    assert place(small("prototypical_omniglot"))[:2] == ("cpu", "cuda:0")
    assert place(small("maml_point"))[:2] == ("cpu", "cpu")


@pytest.mark.usefixtures("card")
def test_what_is_not_the_same_on_a_card_is_told(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    stock = small("maml_robot", **MANY, **{"tasks.name": "pearl-cheetah-dir"})
    assert place(stock)[:2] == ("cpu", "cpu")
    assert "bit for bit on the CPU only" in place(stock).why
    assert "not bit for bit there" in place(stock, "gpu").why
    rough = small("maml_robot", **{"tasks.name": "HalfCheetahRough"})
    assert "contacts on height fields are other ones" in place(rough, "gpu").why
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "mujoco-warp is not installed" in place(small("maml_cheetah_direction", **MANY)).why
    with pytest.raises(UserError, match="mujoco-warp is not installed: pip install"):
        place(small("maml_cheetah_direction"), "gpu")


@pytest.mark.usefixtures("card")
def test_a_card_that_warp_cannot_use_is_told_and_left_alone(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    config = small("maml_cheetah_direction", **MANY)

    def too_small(config: Config, *where: str) -> object:
        if where:
            raise torch.OutOfMemoryError("Failed to allocate 1 bytes")
        return build_family(config)

    monkeypatch.setattr(placement, "build_family", too_small)
    assert place(config)[:2] == ("cpu", "cpu")
    assert "does not run these worlds on the GPU: Failed to allocate" in place(config).why
    monkeypatch.setattr("envs.simulation.warp_model.cuda_is_usable", lambda: False)
    assert place(config)[:2] == ("cpu", "cpu")
    assert "Warp finds no GPU that it can use" in place(config).why
    with pytest.raises(UserError, match=r"train\.simulator is gpu, but Warp finds no GPU"):
        place(config, "gpu")


def test_a_training_goes_on_where_it_was(small: Small, workdir: Path) -> None:
    run = runs.create("here", small("maml_cheetah_direction"), "")
    assert run.saved_placement == (None, None)
    run.save_placement("gpu", "cpu")
    assert run.saved_placement == ("gpu", "cpu")
    assert make_trainer(run.config, saved_placement=run.saved_placement).placement[:2] == ("gpu", "cpu")
    run.save_placement("gpu", "cuda")
    if not torch.cuda.is_available():  # it was begun on another machine
        assert make_trainer(run.config, saved_placement=run.saved_placement).placement[:2] == ("cpu", "cpu")
    (run.path / "place.json").write_text('["x"]')
    assert run.saved_placement == (None, None)


@pytest.mark.parametrize("name", ["maml_cheetah_direction", "gru_robot"])
def test_a_run_on_one_simulator_goes_on_is_judged_and_filmed_on_the_other(
    name: str, workdir: Path, small: Small, capsys: pytest.CaptureFixture[str]
) -> None:
    words = "--train.iterations 2 --train.num_tasks 2 --train.episodes 2 --tasks.horizon 6 --policy.hidden [8]"
    words += " --outer.minibatches 2"
    warp = "--train.simulator gpu --train.device cpu"
    code, out, err = run(["train", name, *words.split(), *warp.split()], capsys)
    assert (code, "simulator gpu, device cpu: as requested" in out) == (0, True), err
    for where in ("cpu", "gpu"):
        more = ["--simulator", where, "--device", "cpu", "--tasks", "2", "--repeats", "1", "--after", "0", "--json"]
        code, out, err = run(["evaluate", name, *more], capsys)
        assert code == 0, err
    code, out, err = run(["record", name], capsys)
    assert code == 0, err


def test_a_run_on_the_card_resumes_to_the_same(small: Small, tmp_path: Path) -> None:
    config, warp = small("maml_cheetah_direction"), Placement("gpu", "cpu")
    whole = Trainer(config, placement=warp)
    whole.iterate()
    resumed = Trainer(config, checkpoint.load(checkpoint.save(tmp_path, whole.state)), placement=warp)
    for trainer in (whole, resumed):
        trainer.iterate()
    assert all(torch.equal(v, resumed.state.theta[k]) for k, v in whole.state.theta.items())


def test_where_it_is_computed_does_not_make_another_experiment(small: Small) -> None:
    moved = small("maml_cheetah_direction", **{"train.simulator": "gpu", "train.device": "cpu"})
    assert without_placement(moved) == without_placement(small("maml_cheetah_direction"))


def test_a_short_memory_takes_fewer_tasks_at_once_and_finds_the_same_gradient(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small("maml_cheetah_direction", **{"train.num_tasks": 5})
    trainers = [Trainer(config), Trainer(config)]
    plain, sizes = outer.mean_over_tasks, []

    def short(loss: object, theta: Params, episodes: object) -> torch.Tensor:
        count = len(episodes.query[0])  # type: ignore[attr-defined]
        sizes.append(count)
        if count > 2:
            raise torch.OutOfMemoryError
        return plain(loss, theta, episodes)  # type: ignore[arg-type, type-var]

    before = trainers[0].state.theta
    trainers[0].iterate()
    monkeypatch.setattr(outer, "mean_over_tasks", short)
    trainers[1].iterate()
    assert sizes[:4] == [5, 2, 2, 1]
    assert isinstance(trainers[1].outer, Gradient)
    assert trainers[1].outer.chunk == 2
    for name, value in trainers[0].state.theta.items():
        assert torch.allclose(value, trainers[1].state.theta[name], atol=1e-5), name
        assert not torch.equal(value, before[name])


def test_a_memory_that_is_too_small_is_said(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = Trainer(small("maml_cheetah_direction"))

    def none_left() -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(trainer, "iterate", none_left)
    with pytest.raises(UserError, match=r"the memory of cpu is too small .* lower train.num_tasks"):
        _within_memory(trainer)


def test_bench_puts_every_way_side_by_side_on_a_device(
    workdir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench_device, "ROBOTS", ("half_cheetah",))
    words = "bench learn --device warp --worlds 2 4 --repeats 1 --threads 1 --tasks.horizon 5 --plot growth.png"
    code, out, err = run([*words.split(), "--json"], capsys)
    assert code == 0, err
    found = json.loads(out)
    assert [row["worlds"] for row in found["rows"]] == [2, 4]
    for row in found["rows"]:
        assert row["rates"].keys() == {"bare", "ours", "policy", "whole", "cpu"}
        assert sum(row["shares"].values()) == pytest.approx(1)
    assert (workdir / "growth.png").stat().st_size > 10_000
    code, out, err = run("bench sim --device warp --worlds 2 --repeats 1 --config maml_point".split(), capsys)
    assert (code, "no robot" in err) == (2, True)


def test_a_card_pays_from_where_it_stays_faster() -> None:
    def row(worlds: int, cpu: float, gpu: float) -> Measured:
        return Measured("Ant", worlds, 1, {"cpu": cpu, "ours": gpu}, None, {})

    assert pays_from([row(1, 1, 2), row(2, 2, 1), row(4, 2, 3), row(8, 2, 9)]) == {"Ant": 4}
    assert pays_from([row(1, 2, 1)]) == {"Ant": None}
    assert str(CPU) == "simulator cpu, device cpu: "
