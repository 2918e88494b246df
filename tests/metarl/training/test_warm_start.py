"""Training from the weights of another run."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from metarl.config import files as settings
from metarl.config.experiment import Config
from metarl.config.training import Training
from metarl.errors import UserError
from metarl.evaluation.study import plan_runs
from metarl.runs import folder as runs
from metarl.training.make import load_trainer, make_trainer
from metarl.training.warm_start import Fit, Inputs
from tests import commands

OPTIONS = "--train.num_tasks 2 --tasks.horizon 20 --outer.minibatches 1 --policy.hidden 8".split()


def changed(options: list[str]) -> dict[str, Any]:
    values = {"--policy.hidden": [8]}
    return {k.removeprefix("--"): values.get(k, int(v)) for k, v in zip(options[::2], options[1::2], strict=True)}


@pytest.fixture
def dog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> runs.Run:
    """Joint training on the dog after two iterations."""
    monkeypatch.chdir(tmp_path)
    assert commands.run(["train", "joint_dog", "--train.iterations", "2", *OPTIONS]).code == 0
    return runs.find("joint_dog")


def warm(config: Config, **train: object) -> Config:
    return config.model_copy(update={"train": config.train.model_copy(update=train)})


def test_it_starts_from_the_weights_of_the_run_and_from_nothing_else_of_it(dog: runs.Run) -> None:
    trained = load_trainer(dog)
    trainer = make_trainer(warm(dog.config, init_from="joint_dog"))
    assert all(torch.equal(trainer.theta[k], v) for k, v in trained.theta.items())
    assert (trainer.iteration, trainer.env_steps) == (0, 0)
    fresh = make_trainer(dog.config)
    assert trainer.curriculum is not None
    assert fresh.curriculum is not None
    assert torch.equal(trainer.curriculum.levels, fresh.curriculum.levels)
    assert {k: v.sum().item() for k, v in trainer.outer.state().items()} == {
        k: v.sum().item() for k, v in fresh.outer.state().items()
    }
    assert torch.equal(trainer.generator.get_state(), torch.Generator().manual_seed(0).get_state())


def test_another_reward_can_follow_and_the_run_resumes(dog: runs.Run) -> None:
    options = ["--train.init_from", str(dog.path), "--tasks.reward.track_velocity_fine_grained", "1"]
    options += OPTIONS
    assert commands.run(["train", "joint_dog", "--train.iterations", "1", *options]).code == 0
    assert commands.run(["resume", "joint_dog", "--train.iterations", "2"]).code == 0
    assert commands.run(["train", "joint_dog", "--train.iterations", "2", *options]).code == 0
    resumed, straight = (load_trainer(r).theta for r in runs.every()[-2:])
    assert all(torch.equal(resumed[k], straight[k]) for k in straight)


def test_a_name_is_looked_up_once(dog: runs.Run) -> None:
    """Killed before its first checkpoint, a run goes on from the same weights, though its own name now means itself."""
    options = ["--train.init_from", "joint_dog", "--train.iterations", "1", *OPTIONS]
    assert commands.run(["train", "joint_dog", *options]).code == 0
    run = runs.find("joint_dog")
    straight = load_trainer(run).theta
    shutil.rmtree(run.checkpoints / "iteration_0000001")
    assert commands.run(["resume", str(run.path)]).code == 0
    resumed = load_trainer(run)
    assert resumed.iteration == 1
    assert all(torch.equal(resumed.theta[k], straight[k]) for k in straight)


def test_a_study_starts_from_a_folder(dog: runs.Run) -> None:
    """The newest run of a name would be one of its own, or another when it is started again."""
    options = {"train.init_from": "joint_dog"} | changed(OPTIONS)
    with pytest.raises(UserError, match="whose newest run changes while a study trains: give the folder of a run"):
        plan_runs(["joint_dog"], [], [0], None, "test", options)
    planned = plan_runs(["joint_dog"], [], [0, 1], None, "test", options | {"train.init_from": f"{dog.path}@best"})
    assert [p.config.train.init_from for p in planned] == [f"{dog.path}@best"] * 2


def test_a_value_function_that_is_told_other_things_starts_anew(
    dog: runs.Run, caplog: pytest.LogCaptureFixture
) -> None:
    """Without the scan of the ground; the policy, which never saw it, is taken as it is."""
    tasks = dog.config.tasks.model_copy(update={"height_scan": "none"})
    config = dog.config.model_copy(update={"tasks": tasks})
    trained, fresh = load_trainer(dog).theta, make_trainer(config).theta
    theta = make_trainer(warm(config, init_from="joint_dog")).theta
    assert "it starts anew" in caplog.text
    for k, v in theta.items():
        assert torch.equal(v, (fresh if k.startswith("value.") else trained)[k]), k


def test_another_training_range_is_another_unit(dog: runs.Run, caplog: pytest.LogCaptureFixture) -> None:
    """Value functions, teachers and oracles are told a number by the middle and half width of its training range."""
    vary = dog.config.tasks.model_dump()["vary"]
    vary["payload"]["train"], vary["payload"]["ood"] = [[0.0, 0.3]], [[0.3, 0.4]]
    config = settings.load(settings.find("joint_dog"), changed(OPTIONS) | {"tasks.vary": vary})
    make_trainer(warm(config, init_from="joint_dog"))
    assert "joint_dog was told payload by other training ranges" in caplog.text
    caplog.clear()
    make_trainer(warm(dog.config, init_from="joint_dog"))
    assert "by other training ranges" not in caplog.text


def test_networks_of_another_size_are_refused(dog: runs.Run) -> None:
    config = dog.config.model_copy(update={"policy": dog.config.policy.model_copy(update={"hidden": (9,)})})
    with pytest.raises(UserError, match=re.escape("policy.layer0.weight is (8, 45) there and (9, 45) here")):
        make_trainer(warm(config, init_from="joint_dog"))
    with pytest.raises(UserError, match="there is no run"):
        make_trainer(warm(config, init_from="nothing"))


def test_an_oracle_starts_as_the_policy_that_was_not_told_the_task(dog: runs.Run) -> None:
    """Whatever it is told, its actions are those of joint training; then it learns from it."""
    config = warm(settings.load(settings.find("oracle_dog"), changed(OPTIONS)), init_from="joint_dog")
    trainer, joint = make_trainer(config), load_trainer(dog)
    obs = torch.randn(5, joint.family.space.obs)
    told = torch.randn(5, len(trainer.theta["seen.mean"]) - joint.family.space.obs)
    one, other = (t.learner.initial_state(t.theta) for t in (joint, trainer))
    expected = joint.learner.apply(joint.theta, one, obs).mean
    acted = trainer.learner.apply(trainer.theta, other, torch.cat([obs, told], 1)).mean
    torch.testing.assert_close(acted, expected)
    trainer.iterate()
    assert trainer.theta["policy.layer0.weight"][:, obs.shape[1] :].any()
    assert trainer.theta["seen.count"].item() == 40  # 2 tasks x 20 steps


def test_a_policy_that_sees_starts_as_the_one_that_did_not(dog: runs.Run) -> None:
    """Numbers of observations are told apart by their names: heights stand before the command."""
    tasks = dog.config.tasks.model_copy(update={"height_scan": "policy"})
    trainer, joint = (
        make_trainer(warm(dog.config.model_copy(update={"tasks": tasks}), init_from="joint_dog")),
        load_trainer(dog),
    )
    names, before = ([s.name for s in t.family.signals()] for t in (trainer, joint))
    assert len(names) == len(before) + 40
    obs = torch.randn(5, len(names))
    known = obs[:, [names.index(name) for name in before]]
    one, other = (t.learner.initial_state(t.theta) for t in (joint, trainer))
    expected = joint.learner.apply(joint.theta, one, known).mean
    torch.testing.assert_close(trainer.learner.apply(trainer.theta, other, obs).mean, expected)
    assert trainer.theta["seen.count"].item() == 0
    trainer.iterate()
    scanned = [i for i, name in enumerate(names) if name.startswith("ground")]
    assert trainer.theta["policy.layer0.weight"][:, scanned].any()


def test_exploration_can_start_anew(dog: runs.Run) -> None:
    config = dog.config.model_copy(update={"policy": dog.config.policy.model_copy(update={"init_std": 0.2})})
    trained = load_trainer(dog).theta
    theta = make_trainer(warm(config, init_from="joint_dog", reset_std=True)).theta
    for k, v in theta.items():
        assert torch.equal(v, torch.full((12,), 0.2).log() if k == "policy.log_std" else trained[k]), k
    with pytest.raises(ValidationError, match="reset_std is of a training that starts from another run"):
        Training(iterations=1, reset_std=True)


def test_rma_starts_with_other_eyes(dog: runs.Run) -> None:
    """A teacher that no longer is told the ground, and a student that sees it."""
    options = [*OPTIONS, "--learner.bptt_steps", "10", "--outer.minibatches", "1"]
    assert commands.run(["train", "rma_dog", "--train.iterations", "2", *options]).code == 0
    blind = load_trainer(runs.find("rma_dog"))
    tasks = blind.config.tasks.model_copy(update={"height_scan": "policy"})
    trainer = make_trainer(warm(blind.config.model_copy(update={"tasks": tasks}), init_from="rma_dog"))
    names, before = ([s.name for s in t.family.signals()] for t in (trainer, blind))
    places = [names.index(name) for name in before]
    seen = trainer.theta["controller.input"].shape[1] - len(names)
    rest, rest_before = (list(range(n, n + seen)) for n in (len(names), len(before)))
    for key in ("controller.input", "policy.layer0.weight"):
        old, new = blind.theta[key], trainer.theta[key]
        torch.testing.assert_close(new[:, places + rest], old[:, list(range(len(before))) + rest_before])
    told, told_before = ([*t.family.privileged_names, *t.family.descriptor_names] for t in (trainer, blind))
    kept = [told_before.index(name) for name in told]
    torch.testing.assert_close(trainer.theta["teacher.layer0.weight"], blind.theta["teacher.layer0.weight"][:, kept])
    assert len(told) == len(told_before) - 40
    trainer.iterate()
    restored = make_trainer(warm(blind.config, init_from="rma_dog"))
    assert all(torch.equal(restored.theta[k], v) for k, v in blind.theta.items())


@pytest.mark.parametrize("other", ["joint_dog", "oracle_dog"])
def test_a_robust_policy_or_an_oracle_starts_as_rma_without_its_estimate(
    dog: runs.Run, other: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Its first layer has the columns of the observation only; and the other way round those of the estimate are 0."""
    options = [*OPTIONS, "--learner.bptt_steps", "10", "--outer.minibatches", "1"]
    assert commands.run(["train", "rma_dog", "--train.iterations", "2", *options]).code == 0
    rma = load_trainer(runs.find("rma_dog"))
    trainer = make_trainer(warm(settings.load(settings.find(other), changed(OPTIONS)), init_from="rma_dog"))
    first, count = trainer.theta["policy.layer0.weight"], rma.family.space.obs
    assert torch.equal(first[:, :count], rma.theta["policy.layer0.weight"][:, :count])
    assert not first[:, count:].any()
    assert torch.equal(trainer.theta["policy.layer1.weight"], rma.theta["policy.layer1.weight"])
    assert "controller, student, teacher left out, nothing started anew" in caplog.text
    trainer.iterate()
    back, joint = make_trainer(warm(rma.config, init_from="joint_dog")).theta, load_trainer(dog).theta
    assert torch.equal(back["policy.layer0.weight"][:, :count], joint["policy.layer0.weight"])
    assert not back["policy.layer0.weight"][:, count:].any()
    assert back["seen.count"].item() == 0  # of its last action and reward there are no statistics


def test_rl2_starts_as_the_student_of_rma(dog: runs.Run) -> None:
    """Its policy reads the memory's features where that of RMA reads an estimate, a linear function of them."""
    options = [*OPTIONS, "--learner.bptt_steps", "10", "--outer.minibatches", "1"]
    assert commands.run(["train", "rma_dog", "--train.iterations", "2", *options]).code == 0
    rma = load_trainer(runs.find("rma_dog"))
    config = settings.load(settings.find("gru_dog"), changed([*OPTIONS, "--learner.bptt_steps", "10"]))
    trainer = make_trainer(warm(config, init_from="rma_dog"))
    x = torch.randn(20, 3, len(rma.theta["seen.mean"]))
    one, other = (t.learner.apply(t.theta, t.learner.initial_state(t.theta), x) for t in (rma, trainer))
    torch.testing.assert_close(one.mean, other.mean)
    torch.testing.assert_close(one.log_std, other.log_std)
    trainer.iterate()
    sees = config.model_copy(update={"tasks": config.tasks.model_copy(update={"height_scan": "policy"})})
    with pytest.raises(UserError, match="observes other things than this config"):
        make_trainer(warm(sees, init_from="rma_dog"))


@pytest.mark.parametrize(
    "options",
    [{}, {"learner": {"kind": "reptile"}, "outer": {"kind": "gradient"}, "train.curriculum": None}],
    ids=["maml", "reptile"],
)
def test_a_gradient_learner_starts_as_joint_training(dog: runs.Run, options: dict[str, Any]) -> None:
    """Its first layer has to normalise observations itself; learned rates and baselines start anew."""
    chosen = changed(OPTIONS) | {"train.episodes": 2} | options
    del chosen["outer.minibatches"]
    trainer = make_trainer(warm(settings.load(settings.find("maml_dog"), chosen), init_from="joint_dog"))
    joint = load_trainer(dog)
    mean, var = joint.theta["seen.mean"], joint.theta["seen.var"]
    obs = mean + torch.randn(50, len(mean)) * var.sqrt()
    one, two = (t.learner.apply(t.theta, t.learner.initial_state(t.theta), obs) for t in (joint, trainer))
    torch.testing.assert_close(one.mean, two.mean, rtol=1e-4, atol=1e-5)
    assert torch.equal(one.log_std, two.log_std)
    trainer.iterate()


def test_a_hypernetwork_starts_as_joint_training(dog: runs.Run) -> None:
    """It generates the same policy from every memory, and normalises observations by the same statistics."""
    chosen = changed([*OPTIONS, "--learner.bptt_steps", "10"])
    trainer = make_trainer(warm(settings.load(settings.find("hypernetwork_dog"), chosen), init_from="joint_dog"))
    joint = load_trainer(dog)
    obs = joint.theta["seen.mean"] + torch.randn(20, 3, joint.family.space.obs) * joint.theta["seen.var"].sqrt()
    others = torch.randn(20, 3, len(trainer.theta["seen.mean"]) - obs.shape[-1])  # last action and reward
    one = joint.learner.apply(joint.theta, joint.learner.initial_state(joint.theta), obs)
    memory = trainer.learner.initial_state(trainer.theta)
    two = trainer.learner.apply(trainer.theta, memory, torch.cat([obs, others], -1))
    torch.testing.assert_close(one.mean, two.mean)
    torch.testing.assert_close(one.log_std, two.log_std)
    assert trainer.theta["seen.count"].item() == 0
    trainer.iterate()
    wide = settings.load(settings.find("hypernetwork_dog"), chosen | {"policy.hidden": [9]})
    with pytest.raises(UserError, match=r"policy.generated.bias is \(\d+,\) there and \(\d+,\) here"):
        make_trainer(warm(wide, init_from="joint_dog"))


def test_observations_without_names_have_to_be_as_many(dog: runs.Run) -> None:
    inputs, more = (Inputs("joint", tuple(f"observation {i}" for i in range(n)), (), n, named=False) for n in (3, 4))
    with pytest.raises(UserError, match="observes 3 numbers and this config 4, which have no names"):
        Fit("run", inputs, more)({}, {})


def test_memories_of_another_robot_are_refused() -> None:
    """As many observations, of other names: their weights have the same shapes."""
    hopper, dog = (Inputs("memory", names, (), 2, named=True) for names in (("knee", "hip"), ("hip", "knee")))
    weights = {"core.weight": torch.ones(3)}
    assert torch.equal(
        Fit("run", hopper, hopper)(weights, {"core.weight": torch.zeros(3)})["core.weight"], torch.ones(3)
    )
    with pytest.raises(
        UserError, match="run observes other things than this config, and only policies of joint, oracle"
    ):
        Fit("run", hopper, dog)(weights, weights)
