"""A session of a robot that follows commands: pushes, events, grounds."""

from __future__ import annotations

import pytest
import torch

from agents.learner import device_of
from envs.legged.worlds import LeggedWorlds
from metarl.config import files
from metarl.deploy.agent import Agent, Origin, Trained
from metarl.deploy.play.session import Session
from metarl.training.build import build_advantage_estimator, build_family, build_learner

SMALL = {"policy.hidden": [8], "tasks.horizon": 20, "train.num_threads": 1}
FLAT = {"ground": 0.0, "difficulty": 0.0, "slope_deg": 0.0, "event_motor": 4.0, "friction": 1.0, "payload": 0.0}


@pytest.fixture(scope="module")
def untrained() -> Trained:
    config = files.load(files.find("joint_dog"), SMALL)
    family = build_family(config)
    learner = build_learner(config, family)
    theta = learner.init(torch.Generator().manual_seed(0))
    assert device_of(theta).type == "cpu"
    origin = Origin("dog", "joint training", "quadruped", "", None, 0, "")
    return Trained(origin, learner, theta, family, build_advantage_estimator(config), 1)


@pytest.fixture
def session(untrained: Trained) -> Session:
    return Session(Agent(untrained), FLAT)


def worlds_of(session: Session) -> LeggedWorlds:
    assert isinstance(session.worlds, LeggedWorlds)
    return session.worlds


def test_a_command_holds_from_the_next_step_until_it_is_drawn_again(session: Session) -> None:
    session.command((0.7, -0.2, 0.3))
    for _ in range(3):
        session.step()
        assert worlds_of(session).carried.command.tolist() == [[0.7, -0.2, 0.3]]
    session.restart()
    assert worlds_of(session).carried.command.tolist() == [[0.7, -0.2, 0.3]]
    session.command(None)
    session.restart()
    assert worlds_of(session).carried.command.tolist() != [[0.7, -0.2, 0.3]]


def test_a_push_is_a_change_of_velocity(session: Session) -> None:
    before = worlds_of(session).body.qvel[0, :3].clone()
    session.push(0.5, -1.5)
    assert (worlds_of(session).body.qvel[0, :3] - before).tolist() == pytest.approx([0.5, -1.5, 0.0])


def test_an_event_waits_for_its_button_and_is_undone(session: Session) -> None:
    """Motor 4 has a torque, none after it has failed, also in the next episode, and one again when that is undone."""

    def torque() -> float:
        session.step()
        return abs(float(worlds_of(session).state.torque[0, 4]))

    assert "event_s" not in {k.name for k in session.knobs}
    for _ in range(10):
        assert torque() > 0
    session.set_event(True)
    assert torque() == 0
    session.set("friction", 0.8)  # a task that is set does not bring the motor back
    assert torque() == 0
    session.restart()
    assert torque() == 0
    session.set_event(False)
    assert torque() > 0


def test_another_ground_begins_an_episode_and_a_slope_does_not(session: Session) -> None:
    session.step()
    session.set("slope_deg", 8.0)
    session.set("payload", 0.1)
    assert session.steps == 1
    down = worlds_of(session).body.down[0]
    assert float(-down[2]) == pytest.approx(torch.cos(torch.deg2rad(torch.tensor(8.0))).item(), abs=1e-6)
    session.set("difficulty", 0.4)
    assert session.steps == 0
