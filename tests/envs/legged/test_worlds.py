"""Worlds of the quadruped under commands: what is measured, drawn, told and repeated."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from envs.core import Action, Tasks, Trajectories, Variable
from envs.legged.defaults import Command, Push
from envs.legged.family import Legged
from envs.legged.worlds import LeggedWorlds
from envs.rng import shard_generator
from envs.robots.quadruped import Quadruped

SILENT = dict.fromkeys(("ang_vel", "gravity", "joint_pos", "joint_vel", "height"), 0.0)
WALK = Command(forward=(1.0, 1.0), sideways=(0.0, 0.0), turn=(0.0, 0.0), hold=1e9, standing=0.0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noisy(obs: Tensor, rng: torch.Generator) -> Action:
    """Small random actions, drawn for all tasks of a shard's whole."""
    from envs.rng import normal

    act = 0.2 * normal((*obs.shape[:2], 12), rng)
    return Action(act, act[..., 0], act, act)


def started(family: Legged, tasks: Tasks | None = None) -> LeggedWorlds:
    worlds = family.worlds(tasks or family.sample(2, "train", generator()), 1)
    assert isinstance(worlds, LeggedWorlds)
    worlds.reset(generator())
    return worlds


def stand(worlds: LeggedWorlds, steps: int) -> Tensor:
    """The reward of the last of some steps with action 0."""
    for _ in range(steps):
        _, rew, _, _ = worlds.step(torch.zeros(2, 1, 12))
    return rew


def test_the_feet_are_the_ends_of_the_legs_and_calves_can_collide() -> None:
    family = Legged("quadruped")
    assert [family.model.geom(int(g)).name for g in family.soles] == ["FL_foot", "FR_foot", "RL_foot", "RR_foot"]
    assert family.space == (45, 12, False, 7)
    assert family.soles_of_others.sum(0).tolist().count(1.0) == 4  # the calves, which carry the feet


def test_what_is_measured_is_what_the_quadruped_itself_observes() -> None:
    worlds = started(Legged("quadruped", noise=SILENT, push=Push(1.0, 0.1)))
    stand(worlds, 30)
    own = Quadruped.observe(worlds.body)  # angular velocity x 0.25, gravity, joints, velocities x 0.05, action
    state = worlds.state
    torch.testing.assert_close(0.25 * state.ang_vel, own[:, :3])
    torch.testing.assert_close(state.gravity, own[:, 3:6])
    torch.testing.assert_close(state.joint_pos, own[:, 6:18])
    torch.testing.assert_close(0.05 * state.joint_vel, own[:, 18:30])


def test_velocity_is_that_of_the_base_in_its_own_frame() -> None:
    """A base that is turned by 90 degrees and moves along +y of the world moves forwards."""
    worlds = started(Legged("quadruped"))
    worlds.body.qpos[:, 3:7] = torch.tensor([0.5**0.5, 0, 0, 0.5**0.5]).double()
    worlds.body.qvel[:, :3] = torch.tensor([0.0, 2.0, 0.0]).double()
    velocity = worlds.measure.state(worlds.carried).lin_vel
    torch.testing.assert_close(velocity, torch.tensor([[2.0, 0, 0]]).double().expand(2, -1))


def test_the_lift_of_a_foot_follows_from_the_angles_of_its_leg_however_the_robot_is_turned() -> None:
    """Two links of 0.213 m hang from the hip: the foot is 0.213 (cos(thigh) + cos(thigh + calf)) below it."""

    def depth(thigh: float, calf: float) -> float:
        return 0.213 * (math.cos(thigh) + math.cos(thigh + calf))

    worlds = started(Legged("quadruped"))
    worlds.body.qpos[:, 3:7] = torch.tensor([0.8, 0.36, 0.48, 0.0]).double()
    worlds.body.qpos[:, 7:] = torch.tensor([0.0, 0.84, -1.64] * 3 + [0.0, 1.2, -2.3]).double()
    worlds.sim.forward()
    moved = worlds.carried._replace(soles=worlds.measure.fresh(worlds.carried.command).soles)
    lift = worlds.measure.state(moved).foot_lift
    raised = depth(0.84, -1.64) - depth(1.2, -2.3)
    assert 0.05 < raised < 0.15
    torch.testing.assert_close(lift, torch.tensor([[0.0, 0, 0, raised]]).double().expand(2, -1), rtol=0, atol=1e-7)


def test_a_robot_that_stands_touches_the_ground_with_all_feet_and_nothing_else() -> None:
    worlds = started(Legged("quadruped"))
    stand(worlds, 50)
    assert worlds.state.contact.all()
    assert not worlds.state.collisions.any()
    assert not worlds.state.fallen.any()
    assert not worlds.state.air_time[:, 0].gt(0.03).any()


def test_a_robot_on_its_back_collides_and_has_fallen() -> None:
    worlds = started(Legged("quadruped"))
    worlds.body.qpos[:, 3:7] = torch.tensor([0.0, 1, 0, 0]).double()
    worlds.body.qpos[:, 2] = 0.1
    stand(worlds, 5)
    assert worlds.state.fallen.all()
    assert (worlds.state.collisions > 0).all()


def test_time_in_the_air_is_counted_and_paid_at_landing() -> None:
    """Dropped from 0.5 m higher: sqrt(2 h / g) = 0.32 s, less the height at which the feet start."""
    worlds = started(Legged("quadruped", noise=SILENT))
    worlds.body.qpos[:, 2] += 0.5
    longest = torch.zeros(2, 4).double()
    for _ in range(40):
        stand(worlds, 1)
        longest = longest.maximum(worlds.state.air_time * worlds.state.landed)
    assert (longest > 0.26).all()
    assert (longest < 0.40).all()


def test_a_command_holds_within_an_episode_and_changes_with_the_given_rate() -> None:
    def commands(hold: float) -> Tensor:
        worlds = started(Legged("quadruped", command=Command(hold=hold)), Tasks((), torch.empty(50, 0).double()))
        seen = []
        for _ in range(100):
            worlds.step(torch.zeros(50, 1, 12))
            seen.append(worlds.carried.command)
        return torch.stack(seen)

    assert (commands(1e9) == commands(1e9)[0]).all()
    changes = (commands(0.5).diff(dim=0) != 0).any(2).double().mean().item()
    assert 0.03 < changes < 0.05  # 0.02 s / 0.5 s


def test_pushes_change_the_horizontal_velocity_alone_by_at_most_their_speed() -> None:
    worlds = started(Legged("quadruped", push=Push(2.0, 0.02)))  # in every step
    before = worlds.body.qvel.clone()
    worlds._disturb()
    moved = worlds.body.qvel - before
    assert 0 < moved[:, :2].abs().max() <= 2
    assert not moved[:, 2:].any()


def test_the_same_seed_gives_the_same_steps_and_shards_give_those_of_the_whole() -> None:
    family = Legged("quadruped", (Variable("payload", ((0.0, 0.2),)),), push=Push(1.0, 0.5), horizon=40)
    tasks = family.sample(4, "train", generator())

    def steps(tasks: Tasks, rng: torch.Generator) -> Trajectories:
        return family.segments(tasks, noisy, 2, rng)

    whole = steps(tasks, generator(1))
    parts = [steps(tasks.chosen(slice(i, i + 2)), shard_generator(generator(1), i, i + 2, 4)) for i in (0, 2)]
    for name in ("obs", "rew", "terminated", "privileged", "last_obs", "last_privileged"):
        torch.testing.assert_close(getattr(whole, name), torch.cat([getattr(p, name) for p in parts]), rtol=0, atol=0)
    assert torch.equal(whole.obs, steps(tasks, generator(1)).obs)
    assert whole.results["success"].shape == (4, 2)


def test_a_world_that_starts_anew_leaves_the_others_alone() -> None:
    family = Legged("quadruped", command=Command(hold=1e9))
    one, other = started(family), family.worlds(family.sample(2, "train", generator()), 1, share=False)
    other.reset(generator())
    for worlds in (one, other):
        for _ in range(10):
            worlds.step(0.1 * torch.ones(2, 1, 12))
    one.reset(generator(5), torch.tensor([[True], [False]]))
    obs, expected = (w.step(torch.zeros(2, 1, 12))[0] for w in (one, other))
    assert torch.equal(obs[1], expected[1])
    assert not torch.equal(obs[0], expected[0])
    assert one.carried.elapsed.tolist() == [1, 11]


def test_standing_is_paid_for_a_command_to_stand_and_less_for_one_to_walk() -> None:
    idle = Command((0.0, 0.0), (0.0, 0.0), (0.0, 0.0))
    paid = [stand(started(Legged("quadruped", command=c)), 50).mean().item() for c in (idle, WALK)]
    assert 0.02 * 1.4 < paid[0] <= 0.02 * 1.5  # both tracking terms, less a little torque
    assert paid[1] < 0.02 * 0.55
