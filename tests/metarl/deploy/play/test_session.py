"""A session against the evaluator's own policies, and what is changed while it goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from envs.core import Tasks
from metarl.deploy.agent import Agent
from metarl.deploy.loading import trained
from metarl.deploy.play.adaptation import EpisodicAdaptation, NoAdaptation, RecurrentAdaptation
from metarl.deploy.play.session import Session
from metarl.errors import UserError
from metarl.evaluation.sampling import seeded
from metarl.runs.run import Run
from metarl.training.policies import AdaptedPolicy, RecurrentPolicy

GOAL = {"goal_x": 0.2, "goal_y": -0.1}
Make = Callable[..., Session]


@pytest.fixture
def session(small_run: Callable[[str], Run]) -> Make:
    def make(name: str, seed: int = 0) -> Session:
        return Session(Agent(trained(small_run(name))), GOAL, seed=seed)

    return make


def play(session: Session, steps: int) -> list[float]:
    return [session.step().reward for _ in range(steps)]


def test_a_memory_acts_as_in_an_evaluation_from_episode_to_episode(session: Make) -> None:
    """Two episodes of six steps of a point, which starts without noise, by a session and by the evaluator."""
    own = session("gru")
    family, agent = own.family, own.agent
    policy = RecurrentPolicy(agent.trained.learner, agent.trained.theta, (1, 1), 2, greedy=1)
    expected = []
    for _ in range(2):
        data = family.experience(Tasks.from_json([GOAL]), policy, 1, seeded(0))
        policy.next_episode(data.last_obs)
        expected += data.rew[0, :, 0].tolist()
    assert play(own, 12) == pytest.approx(expected, abs=1e-6)
    assert list(own.returns) == pytest.approx([sum(expected[:6]), sum(expected[6:])], abs=1e-5)


def test_a_memory_that_is_reset_every_episode_repeats_itself_and_one_that_is_kept_does_not(session: Make) -> None:
    kept, reset = session("gru"), session("gru")
    assert isinstance(reset.adaptation, RecurrentAdaptation)
    reset.adaptation.memory = "episode"
    kept_rewards, reset_rewards = play(kept, 12), play(reset, 12)
    assert kept_rewards[:6] == reset_rewards[:6] == reset_rewards[6:]
    assert kept_rewards[6:] != kept_rewards[:6]


def test_a_memory_that_is_reset_every_step_acts_from_its_start_and_what_was_last(session: Make) -> None:
    own = session("gru")
    assert isinstance(own.adaptation, RecurrentAdaptation)
    own.adaptation.memory = "step"
    theta, learner = own.agent.trained.theta, own.agent.trained.learner
    start = {k: v[None] for k, v in learner.initial_state(theta).items()}
    last = torch.zeros(1, 4)
    for _ in range(4):
        obs = own.obs[:, 0].float()
        expected = learner.step(theta, start, torch.cat([obs, last], -1))[1].mean
        reward = own.step().reward
        done = own.adaptation.actor.chosen
        assert torch.allclose(done, expected, atol=1e-6)
        last = torch.cat([done, torch.tensor([[reward, 0.0]])], -1)


def test_the_latent_is_that_of_the_whole_trial(session: Make) -> None:
    """Step by step from the memory, and from all inputs at once."""
    own = session("varibad")
    inputs, told = [], []
    for _ in range(5):
        actor = own.adaptation.actor  # type: ignore[attr-defined]  # of a memory
        last = torch.zeros(1, 4) if actor.memory is None else actor.last
        inputs.append(torch.cat([own.obs[:, 0].float(), last], -1))
        told.append(own.step())
    learner: Any = own.agent.trained.learner
    mean, std = learner.latent(own.agent.trained.theta, torch.stack(inputs))
    assert torch.allclose(torch.stack([m.latent for m in told]), mean[:, 0], atol=1e-6)  # type: ignore[misc]
    assert torch.allclose(torch.stack([m.spread for m in told]), std[:, 0], atol=1e-6)  # type: ignore[misc]


def test_adapting_on_the_latest_episodes_is_the_learners_own_adaptation(session: Make) -> None:
    """phi by a session, and by `adapt` on the same steps, whose rewards are collected by hand."""
    own = session("maml")
    assert isinstance(own.adaptation, EpisodicAdaptation)
    play(own, 12)
    first, second = own.adaptation.episodes
    rewards = torch.stack([torch.stack([s.rew for s in e]) for e in (first, second)], -1)  # [T, 1, E]
    assert torch.allclose(rewards.sum((0, 1)), torch.tensor(list(own.returns)), atol=1e-5)
    before = {k: v.clone() for k, v in own.adaptation.actor.phi.items()}
    assert own.adaptation.adapt(5) == 2
    assert own.adaptation.rounds == 1
    moved = own.adaptation.actor.phi
    assert any(not torch.equal(moved[k], before[k]) for k in before)
    own.adaptation.is_on = False
    assert all(torch.equal(own.adaptation.actor.phi[k], before[k]) for k in before)
    own.adaptation.is_on = True
    assert all(torch.equal(own.adaptation.actor.phi[k], moved[k]) for k in before)


def test_episodes_by_another_policy_or_of_another_task_are_not_adapted_on(session: Make) -> None:
    own = session("maml")
    adaptation = own.adaptation
    assert isinstance(adaptation, EpisodicAdaptation)
    play(own, 8)
    assert len(adaptation.episodes) == 1
    own.set("goal_x", 0.3)
    play(own, 4)  # the rest of an episode that began in another task
    assert len(adaptation.episodes) == 0
    play(own, 6)
    assert len(adaptation.episodes) == 1
    own.explores = False
    play(own, 12)
    assert len(adaptation.episodes) == 0
    with pytest.raises(UserError, match="no episode was finished with sampled actions"):
        adaptation.adapt(3)
    adaptation.is_on = False
    with pytest.raises(UserError, match="adaptation is switched off"):
        adaptation.adapt(3)


def test_a_number_of_the_task_changes_the_reward_and_is_told_to_an_oracle(session: Make) -> None:
    """A point that has not moved yet: minus the distance to the goal after the first step."""
    own = session("oracle")
    assert isinstance(own.adaptation, NoAdaptation)
    assert own.set("goal_x", -0.4) == -0.4
    learner, theta = own.agent.trained.learner, own.agent.trained.theta
    phi = {k: v[None] for k, v in learner.initial_state(theta).items()}
    told = own.family.descriptor(Tasks.from_json([GOAL | {"goal_x": -0.4}]))
    policy = AdaptedPolicy(learner, theta, phi, told, greedy=1)
    act = policy(own.obs.float(), seeded(0)).act[0, 0]
    place = (act / own.family.action_scale).clamp(-0.1, 0.1)
    assert own.step().reward == pytest.approx(-float((place - torch.tensor([-0.4, -0.1])).norm()), abs=1e-6)


def test_values_outside_all_ranges_become_the_nearest_inside(session: Make) -> None:
    own = session("joint")
    assert own.set("goal_y", 9.0) == pytest.approx(0.7)
    assert own.set("goal_y", -9.0) == pytest.approx(-0.5)
    with pytest.raises(UserError, match="no number 'speed' to change, expected one of goal_x, goal_y"):
        own.set("speed", 1.0)


def test_episodes_go_on_until_the_end_where_time_does_not_end_them(session: Make) -> None:
    own = session("joint")
    own.ends_by_time = False
    play(own, 20)
    assert own.steps == 20
    own.ends_by_time = True
    assert own.step().ended == "time"
    play(own, 1)
    assert own.steps == 1


def test_forgetting_begins_the_task_anew(session: Make) -> None:
    own = session("gru")
    first = play(own, 6)
    own.forget()
    assert not own.returns
    assert play(own, 6) == first


def test_what_only_legged_robots_do_is_refused_for_others(session: Make) -> None:
    own = session("joint")
    for ask in (lambda: own.push(1.0, 0.0), lambda: own.command(None), lambda: own.set_event(True)):
        with pytest.raises(UserError, match="kind legged"):
            ask()
