"""Off-policy meta-training: what an iteration collects, exact resume, evaluation, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.evaluation.adaptation import AdaptationEvaluator
from metarl.evaluation.evaluator import Options
from metarl.runs import checkpoint
from metarl.training.estimate import estimate, replay_bytes, replay_note
from metarl.training.meta_off_policy import MetaOffPolicyOuter
from metarl.training.trainer import Trainer
from tests.metarl.evaluation.saved import save_run

HORIZON = 10  # of small tasks


def outer_of(trainer: Trainer) -> MetaOffPolicyOuter:
    assert isinstance(trainer.outer, MetaOffPolicyOuter)
    return trainer.outer


def test_an_iteration_collects_in_some_tasks_after_a_first_look_at_all(small: Callable[..., Config]) -> None:
    config = small("pearl_robot", outer__initial_episodes=3, outer__prior_episodes=2, outer__posterior_episodes=1)
    trainer = Trainer(config)
    replay, count, collected = outer_of(trainer).replay, config.train.num_tasks, 2
    tasks = outer_of(trainer).tasks.values.clone()
    assert trainer.iterate()["env_steps"] == HORIZON * (3 * count + 3 * collected)
    assert sorted(replay.added.tolist()) == [30] * (count - collected) + [60] * collected
    metrics = trainer.iterate()
    assert metrics["env_steps"] == HORIZON * (3 * count + 2 * 3 * collected)
    assert {"return_before", "return_after", "loss", "alpha"} <= metrics.keys()
    assert set(replay.recent.tolist()) == {30}
    assert torch.equal(tasks, outer_of(trainer).tasks.values)
    assert torch.equal(tasks, outer_of(Trainer(config)).tasks.values)


def test_context_can_be_of_episodes_of_the_prior_alone(small: Callable[..., Config]) -> None:
    changes = {"outer__prior_episodes": 2, "outer__posterior_episodes": 1, "outer__context_from": "prior"}
    replay = _iterated(small("pearl_robot", **changes)).replay
    collected = replay.behind > 0
    assert set(replay.recent[collected].tolist()) == {2 * HORIZON}
    assert set(replay.behind[collected].tolist()) == {HORIZON}


def test_transitions_of_an_episode_follow_each_other(small: Callable[..., Config]) -> None:
    replay = _iterated(small("pearl_robot", outer__initial_episodes=1)).replay
    untouched = int(replay.added.argmin())
    x, _, _, after, _ = torch.split(replay.rows[untouched, :HORIZON], list(replay.widths.values()), -1)
    torch.testing.assert_close(x[1:], after[:-1])
    assert not torch.equal(x[0], after[-1])


def _iterated(config: Config) -> MetaOffPolicyOuter:
    trainer = Trainer(config)
    trainer.iterate()
    return outer_of(trainer)


def test_training_resumes_bit_exactly_with_its_replay(workdir: Path, small: Callable[..., Config]) -> None:
    config = small("pearl_robot", outer__replay_size=50)
    whole, half = Trainer(config), Trainer(config)
    for _ in range(2):
        half.iterate()
    resumed = Trainer(config, checkpoint.load(checkpoint.save(workdir, half.state), half.theta))
    for _ in range(4):
        whole.iterate()
    for _ in range(2):
        metrics = resumed.iterate()
    assert metrics["env_steps"] == whole.env_steps
    for name, tensor in whole.theta.items():
        assert torch.equal(tensor, resumed.theta[name]), name
    for name, tensor in whole.state.outer.items():
        assert torch.equal(tensor, resumed.state.outer[name]), name


def test_a_run_is_judged_after_every_number_of_episodes(workdir: Path, small: Callable[..., Config]) -> None:
    config = small("pearl_robot")
    run = save_run("pearl_robot", config)
    result = AdaptationEvaluator(config).evaluate(run, Options("test", num_tasks=4, repeats=2, after=(0, 1, 3)))
    assert result.after == (0, 1, 2, 3)  # it is trained for two
    assert result.returns.shape == (4, 4)
    assert len({tuple(row) for row in result.returns.tolist()}) == 4


def test_the_size_of_the_replay_is_known_before(small: Callable[..., Config]) -> None:
    """3 tasks x 1000 transitions x (20 + 6 + 1 + 20 + 1) numbers x 4 bytes, and as much for a copy."""
    config = small("pearl_robot", outer__replay_size=1000)
    space = Trainer(config).family.space
    assert replay_bytes(config, space) == 3 * 1000 * 48 * 4
    assert replay_note(config, space) == "\nreplay: up to 1 MiB of memory, and of each checkpoint"
    assert replay_note(small("joint_robot"), space) == ""
    assert estimate(config, space, HORIZON).parts["outer.replay_size"] == 2 * 3 * 1000 * 48 * 4
    with pytest.raises(UserError, match=r"lower outer\.replay_size"):
        Trainer(small("pearl_robot", outer__replay_size=1_000_000, train__num_tasks=100_000))


def test_what_it_cannot_do_is_one_sentence(small: Callable[..., Config]) -> None:
    with pytest.raises(UserError, match=r"outer\.collected_tasks is 4, of 3 training tasks: give fewer"):
        Trainer(small("pearl_robot", outer__collected_tasks=4))
    with pytest.raises(UserError, match=r"an iteration has 20 steps of a task: give outer\.replay_size at least"):
        Trainer(small("pearl_robot", outer__replay_size=19))
    with pytest.raises(UserError, match=r"train\.episodes is 2, expected 1"):
        small("pearl_robot", train__episodes=2)
    with pytest.raises(UserError, match=r"needs outer\.kind meta_off_policy"):
        small("pearl_robot", outer={"kind": "off_policy"})
