"""What changes within an episode: the time, the physics, and what starts anew."""

from __future__ import annotations

import pytest
import torch

from envs.core import Tasks, Variable
from envs.legged.family import Legged
from envs.legged.worlds import LeggedWorlds
from envs.locomotion.family import Locomotion

MOTORS = tuple((float(i), float(i)) for i in range(-1, 12))
EVENTS = (
    Variable("event_s", ((0.1, 1.0),)),
    Variable("event_motor", MOTORS),
    Variable("event_payload", ((0.0, 0.5),)),
    Variable("event_friction", ((0.5, 1.0),)),
    Variable("payload", ((0.0, 0.2),)),
)


def family() -> Legged:
    return Legged("quadruped", EVENTS)


def worlds_of(*rows: dict[str, float]) -> LeggedWorlds:
    none = {"event_s": 0.1, "event_motor": -1.0, "event_payload": 0.0, "event_friction": 1.0, "payload": 0.1}
    own = family()
    given = [none | row for row in rows]
    worlds = own.worlds(Tasks(own.names, torch.tensor([[r[n] for n in own.names] for r in given]).double()), 1)
    assert isinstance(worlds, LeggedWorlds)
    worlds.reset(torch.Generator().manual_seed(0))
    return worlds


def step(worlds: LeggedWorlds, times: int) -> None:
    for _ in range(times):
        worlds.step(torch.full((len(worlds.body.qpos), 1, 12), 0.1))


def test_a_motor_works_until_its_time_and_not_after_it() -> None:
    """0.1 s are five steps of 0.02 s: the sixth is the first without the motor."""
    worlds = worlds_of({"event_motor": 3.0}, {})
    step(worlds, 5)
    assert (worlds.state.torque[:, 3].abs() > 0.1).all()
    assert (worlds.privileged()[:, 0, -13:] == 0).all()
    step(worlds, 1)
    assert worlds.state.torque[0, 3] == 0
    assert worlds.state.torque[1, 3].abs() > 0.1
    happened, failed = worlds.privileged()[:, 0, -13], worlds.privileged()[:, 0, -12:]
    assert happened.tolist() == [1, 1]
    assert failed.nonzero().tolist() == [[0, 3]]
    assert family().privileged_names[-12:][3] == "failed_FR_hip"


def test_a_load_is_added_to_that_of_the_beginning_and_ground_turns_slippery() -> None:
    worlds = worlds_of({"event_payload": 0.5, "event_friction": 0.5}, {"event_s": 0.5, "event_payload": 0.5})
    robot = worlds.sim.model.body_subtreemass[worlds.family.anatomy.bodies[0]]
    load = worlds.sim.model.body("metarl/payload").id
    friction = worlds.sim.params("geom_friction")[:, 0, 0].clone()
    step(worlds, 6)
    masses = worlds.sim.params("body_mass")[:, load] / robot
    torch.testing.assert_close(masses, torch.tensor([0.6, 0.1]).double(), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(
        worlds.sim.params("geom_friction")[:, 0, 0] / friction, torch.tensor([0.5, 1.0]).double()
    )


def test_an_episode_that_starts_anew_begins_before_its_event() -> None:
    worlds = worlds_of({"event_motor": 3.0}, {"event_motor": 3.0})
    step(worlds, 8)
    worlds.reset(torch.Generator().manual_seed(1), torch.tensor([[True], [False]]))
    step(worlds, 1)
    assert (worlds.state.torque[:, 3].abs() > 0.1).tolist() == [True, False]
    step(worlds, 6)
    assert (worlds.state.torque[:, 3] == 0).tolist() == [True, True]


def test_a_change_without_a_time_and_a_time_without_a_change_are_refused() -> None:
    with pytest.raises(ValueError, match="vary event_s too"):
        Legged("quadruped", (Variable("event_payload", ((0.0, 0.5),)),))
    with pytest.raises(ValueError, match="event_s has no effect on its own"):
        Legged("quadruped", (Variable("event_s", ((0.0, 0.5),)),))


def test_robots_without_commands_have_no_events() -> None:
    variables = (Variable("direction", ((1.0, 1.0),)), Variable("event_s", ((0.0, 1.0),)))
    with pytest.raises(ValueError, match="that is for tasks of kind legged"):
        Locomotion("quadruped", variables)


def test_events_of_other_worlds_stay_when_one_gets_another_task() -> None:
    worlds = worlds_of({"event_motor": 3.0}, {"event_motor": 3.0})
    step(worlds, 8)
    own, mask = worlds.family, torch.tensor([[True], [False]])
    rows = [
        [{"event_s": 0.1, "event_motor": m, "event_friction": 1.0}.get(n, 0.1) for n in own.names] for m in (5.0, 3.0)
    ]
    worlds.set_tasks(Tasks(own.names, torch.tensor(rows).double()), mask)
    worlds.reset(torch.Generator().manual_seed(1), mask)
    assert worlds.privileged()[:, 0, -13].tolist() == [0, 1]
    assert worlds.privileged()[:, 0, -12:].nonzero().tolist() == [[1, 3]]
