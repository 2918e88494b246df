"""The named distributions against their published definitions, recomputed with plain MuJoCo and numpy."""

from __future__ import annotations

from collections.abc import Callable

import mujoco
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from envs.classic.registry import CLASSIC
from envs.core import Tasks
from envs.locomotion.family import Locomotion
from envs.locomotion.worlds import LocomotionWorlds
from envs.named import build_family
from envs.point import PointNavigation, PointWorlds

Array = NDArray[np.float64]

FACTS: dict[str, tuple[int, int, float, int, int]] = {  # observation, action, control step, horizon, task parameters
    **{f"rllab-cheetah-{kind}": (20, 6, 0.01, 200, 1) for kind in ("dir", "vel")},
    **{f"rllab-ant-{kind}": (125, 8, 0.02, 200, n) for kind, n in (("dir", 1), ("vel", 1), ("goal", 2))},
    **{f"promp-cheetah-{kind}": (17, 6, 0.05, h, 1) for kind, h in (("dir", 100), ("vel", 200))},
    **{f"promp-ant-{kind}": (111, 8, 0.05, 200, 1) for kind in ("dir", "dir-2d")},
    **{f"promp-humanoid-{kind}": (376, 17, 0.015, 200, 1) for kind in ("dir", "dir-2d")},
    **{f"promp-walker-{kind}": (17, 6, 0.016, 200, 1) for kind in ("dir", "vel")},
    **{f"promp-swimmer-{kind}": (8, 2, 0.04, 200, 1) for kind in ("vel-wrong-sign", "vel")},
    **{f"pearl-cheetah-{kind}": (20, 6, 0.05, 200, 1) for kind in ("dir", "vel")},
    **{f"pearl-ant-{kind}": (27, 8, 0.05, 200, 1) for kind in ("dir", "dir-two-way")},
    **{f"{code}-ant-goal": (113, 8, 0.05, 200, 2) for code in ("promp", "pearl")},
    "varibad-ant-dir-one-radian": (27, 8, 0.05, 200, 1),
    "pearl-humanoid-dir": (376, 17, 0.015, 200, 1),
    "pearl-walker-rand-params": (17, 6, 0.016, 200, 1 + 7 + 21 + 6 + 24),
    "pearl-hopper-rand-params": (11, 3, 0.016, 200, 1 + 4 + 12 + 3 + 15),
    **{f"grbal-cheetah-{kind}": (20, 6, 0.01, 1000, n) for kind, n in (("hfield", 2), ("disabled", 1))},
    "grbal-ant-crippled": (41, 8, 0.02, 1000, 1),
    **{f"promp-point-{kind}": (2, 2, 0, 100, 2) for kind in ("corner", "corner-dense")},
    **{f"{code}-point": (2, 2, 0, h, 2) for code, h in (("rllab", 100), ("pearl", 20), ("varibad", 100))},
    **{f"{code}-point-sparse": (2, 2, 0, h, 2) for code, h in (("pearl", 20), ("varibad", 100))},
}


class Step:
    """One control step: data before and after it as `mj_step` leaves them, and `now` with everything up to date."""

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData, act: Array, substeps: int) -> None:
        low, high = model.actuator_ctrlrange.T
        data.ctrl[:] = (low + high) / 2 + act * (high - low) / 2
        before = mujoco.MjData(model)
        mujoco.mj_copyData(before, model, data)
        last, self.now, self.after = mujoco.MjData(model), mujoco.MjData(model), data
        for _ in range(substeps):
            mujoco.mj_copyData(last, model, data)
            mujoco.mj_step(model, data)
        mujoco.mj_copyData(self.now, model, data)
        for current in (last, self.now):
            mujoco.mj_forward(model, current)
        mujoco.mj_rnePostConstraint(model, last)
        mujoco.mj_subtreeVel(model, self.now)
        seconds, mass = substeps * model.opt.timestep, model.body_mass / model.body_mass.sum()
        self.act, self.work = act, float((act**2).sum())
        self.forces: Array = last.cfrc_ext.copy()  # at the start of the last substep
        self.touch = float((self.forces.clip(-1, 1) ** 2).sum())
        self.qpos, self.qvel, self.cog = self.now.qpos, self.now.qvel, self.now.subtree_com[1]
        self.motion = [data.cinert, data.cvel]
        self.vx = float(data.qpos[0] - before.qpos[0]) / seconds
        self.com_vx = float(self.now.subtree_linvel[1, 0])  # at the end, not the mean
        self.torso: Array = (data.xpos[1, :2] - before.xpos[1, :2]) / seconds
        self.com: Array = mass @ (data.xipos - before.xipos)[:, :2]  # a displacement


def worlds_of(name: str, rows: list[dict[str, float]], episodes: int = 1) -> LocomotionWorlds:
    """Worlds of these tasks, with what the rows leave out drawn at random."""
    family = build_family(name, num_threads=1)
    assert isinstance(family, Locomotion)
    tasks = family.sample(len(rows), "train", torch.Generator().manual_seed(5))
    for i, row in enumerate(rows):
        for key, value in row.items():
            tasks.values[i, tasks.names.index(key)] = value
    return family.worlds(tasks, episodes)


def taken(name: str, task: dict[str, float]) -> tuple[Step, float, Array]:
    """Step, reward and observation of the last of 32 control steps; 30 gentle ones first, to end up on the ground."""
    worlds = worlds_of(name, [task])
    family, rng = worlds.family, np.random.default_rng(1)
    worlds.reset(torch.Generator().manual_seed(2))
    acts = rng.uniform(-1, 1, (32, family.space.act))
    acts[:-2] *= 0.1
    for act in acts[:-2]:
        worlds.step(torch.from_numpy(act * family.full_action)[None, None])
    model, data = worlds.sim.mujoco_view(0)
    for act in acts[-2:]:  # the first brings `data` to where the batch is, with fields as old as there
        obs, rew, *_ = worlds.step(torch.from_numpy(act * family.full_action)[None, None])
        step = Step(model, data, act, family.robot.frame_skip)
    return step, rew.item(), obs[0, 0].numpy()


def along(v: Array, degrees: float) -> float:
    return float(v @ [np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))])


def missed(place: Array, x: float, y: float) -> float:
    return float(np.abs(place[:2] - [x, y]).sum())


def humanoid(s: Step, degrees: float) -> float:
    """Displacement over 0.003 s, as published; controls are 0.4 a."""
    run = 0.25 * along(s.com, degrees) / 0.003
    return run - 0.1 * 0.4**2 * s.work - min(5e-7 * float((s.forces**2).sum()), 10.0) + 5.0


def ant(s: Step, gain: float, control: float, bonus: float) -> float:
    return gain - control * s.work - 5e-4 * s.touch + bonus


Reward = tuple[dict[str, float], Callable[[Step], float]]
CHEETAH_DIR: Reward = {"direction": -1}, lambda s: -s.vx - 0.05 * s.work
CHEETAH_VEL: Reward = {"velocity": 1.5}, lambda s: -abs(s.vx - 1.5) - 0.05 * s.work
ANT_ANY: Reward = {"heading_deg": 200}, lambda s: ant(s, along(s.torso, 200), 0.5, 1)
ANT_GOAL: Reward = (
    {"goal_distance": 2.0, "goal_heading_deg": 90.0},
    lambda s: ant(s, -missed(s.after.xpos[1], 0, 2), 0.1, 0),
)
RAND_PARAMS: Reward = {}, lambda s: s.vx + 1 - 0.001 * s.work
REWARDS: dict[str, Reward] = {
    "rllab-cheetah-dir": ({"direction": -1}, lambda s: -s.com_vx - 0.05 * s.work),
    "rllab-cheetah-vel": ({"velocity": 0.3}, lambda s: -abs(s.com_vx - 0.3) - 0.05 * s.work),
    "rllab-ant-dir": ({"direction": -1}, lambda s: ant(s, -s.com_vx, 0.005, 0.05)),
    "rllab-ant-vel": ({"velocity": 2}, lambda s: ant(s, 1 - abs(s.com_vx - 2), 0.005, 0.05)),
    "rllab-ant-goal": ({"goal_x": 1, "goal_y": -2}, lambda s: ant(s, 4 - missed(s.cog, 1, -2), 0.005, 0.05)),
    "promp-cheetah-dir": CHEETAH_DIR,
    "promp-cheetah-vel": CHEETAH_VEL,
    "promp-ant-dir": ({"direction": -1}, lambda s: ant(s, along(s.torso, 180), 0.5, 1)),
    "promp-ant-dir-2d": ANT_ANY,
    "promp-ant-goal": ANT_GOAL,
    "promp-humanoid-dir": ({"direction": -1}, lambda s: humanoid(s, 180)),
    "promp-humanoid-dir-2d": ({"heading_deg": 120}, lambda s: humanoid(s, 120)),
    "promp-walker-dir": ({"direction": -1}, lambda s: -s.vx + 1 - 0.001 * s.work),
    "promp-walker-vel": ({"velocity": 4}, lambda s: 15 - abs(s.vx - 4) - 0.001 * s.work),
    "promp-swimmer-vel-wrong-sign": ({"velocity": 0.15}, lambda s: abs(s.vx - 0.15) - 1e-4 * s.work),
    "promp-swimmer-vel": ({"velocity": 0.15}, lambda s: -abs(s.vx - 0.15) - 1e-4 * s.work),
    "pearl-cheetah-dir": CHEETAH_DIR,
    "pearl-cheetah-vel": CHEETAH_VEL,
    "pearl-ant-dir": ANT_ANY,
    "pearl-ant-dir-two-way": ({"heading_deg": 180}, lambda s: ant(s, along(s.torso, 180), 0.5, 1)),
    "pearl-ant-goal": ANT_GOAL,
    "pearl-humanoid-dir": ({"heading_deg": 120}, lambda s: humanoid(s, 120)),
    "pearl-walker-rand-params": RAND_PARAMS,
    "pearl-hopper-rand-params": RAND_PARAMS,
    "varibad-ant-dir-one-radian": (
        {"heading_deg": np.rad2deg(1)},
        lambda s: ant(s, float(np.cos(1) * s.torso[0] + np.sin(1) * s.torso[1]), 0.5, 1),
    ),
    "grbal-cheetah-hfield": ({"course": 2}, lambda s: s.com_vx - 0.05 * s.work),
    "grbal-cheetah-disabled": (  # the dead joint is masked out of the action before it is charged for
        {"crippled_joint": 2},
        lambda s: s.com_vx - 0.05 * (s.work - s.act[2] ** 2),
    ),
    "grbal-ant-crippled": ({"crippled_leg": 1}, lambda s: s.com_vx + 0.05),
}
PARTS: dict[str, Callable[[Step], list[Array]]] = {
    "rllab-cheetah-vel": lambda s: [s.qpos[1:], s.qvel, s.cog],
    "rllab-ant-dir": lambda s: [s.qpos, s.qvel, s.forces.clip(-1, 1), s.now.xmat[1], s.cog],
    "promp-cheetah-dir": lambda s: [s.qpos[1:], s.qvel],
    "promp-ant-dir": lambda s: [s.qpos[2:], s.qvel, s.forces.clip(-1, 1)],
    "promp-walker-vel": lambda s: [s.qpos[1:], s.qvel.clip(-10, 10)],
    "promp-swimmer-vel": lambda s: [s.qpos[2:], s.qvel],
    "pearl-cheetah-vel": lambda s: [s.qpos[1:], s.qvel, s.after.xpos[1]],
    "pearl-ant-dir": lambda s: [s.qpos[2:], s.qvel],
    "pearl-ant-goal": lambda s: [s.qpos, s.qvel, s.forces.clip(-1, 1)],
    "pearl-humanoid-dir": lambda s: [s.qpos[2:], s.qvel, *s.motion, s.after.qfrc_actuator, s.forces],
    "pearl-walker-rand-params": lambda s: [s.qpos[1:], s.qvel.clip(-10, 10)],
    "pearl-hopper-rand-params": lambda s: [s.qpos[1:], s.qvel.clip(-10, 10)],
    "grbal-cheetah-hfield": lambda s: [s.qpos[1:], s.qvel, s.cog],
    "grbal-cheetah-disabled": lambda s: [s.qpos[1:], s.qvel, s.cog],
    "grbal-ant-crippled": lambda s: [s.qpos, s.qvel, s.now.xmat[1], s.cog],
}


def points_of(name: str, goal: dict[str, float], place: tuple[float, float]) -> PointWorlds:
    family = build_family(name)
    assert isinstance(family, PointNavigation)
    worlds = family.worlds(Tasks.from_json([goal]), 1)
    worlds.position = torch.tensor([[place]])
    return worlds


def test_every_distribution_has_a_definition_and_a_line_that_names_its_horizon() -> None:
    assert set(CLASSIC) == set(FACTS)
    assert {name: CLASSIC[name].text for name in CLASSIC} == CLASSIC.describe()
    assert all(CLASSIC.describe()[name].endswith(f"H {fact[3]}") for name, fact in FACTS.items())


@pytest.mark.parametrize("name", FACTS)
def test_sizes_control_step_and_horizon_are_the_published_ones(name: str) -> None:
    family = build_family(name)
    step = family.control_step if isinstance(family, Locomotion) else 0
    assert (*family.space[:2], round(step, 9), family.horizon, len(family.names)) == FACTS[name]
    assert family.full_action == (10 if name.startswith("promp") else 1)


@pytest.mark.parametrize("name", REWARDS)
def test_reward_is_the_published_formula(name: str) -> None:
    """Means over a step from positions as old as `mj_step` leaves them (gym); rllab's at its end, by mj_subtreeVel."""
    task, reward = REWARDS[name]
    step, rew, _ = taken(name, task)
    assert rew == pytest.approx(reward(step), abs=2e-6)
    if "ant" in name or "humanoid" in name:
        assert step.touch > 0


@pytest.mark.parametrize("name", PARTS)
def test_observation_has_the_published_parts_in_order(name: str) -> None:
    step, _, obs = taken(name, REWARDS[name][0])
    assert obs == pytest.approx(np.concatenate([part.ravel() for part in PARTS[name](step)]), abs=2e-4, rel=1e-5)


EDGES = [  # entry of qpos, values that fail, values that do not
    ("rllab-ant-dir", 2, (0.19, 1.01), (0.21, 0.99)),
    ("promp-ant-dir", 2, (-0.01, 1.01), (0.01, 0.99)),
    ("promp-ant-goal", 2, (), (-1.0, 5.0)),
    ("promp-humanoid-dir", 2, (0.99, 2.01), (1.01, 1.99)),
    ("promp-walker-vel", 1, (0.79, 2.01), (0.81, 1.99)),
    ("promp-walker-dir", 2, (-1.01, 1.01), (-0.99, 0.99)),
    ("promp-cheetah-dir", 1, (), (-1.0, 5.0)),
    ("promp-swimmer-vel", 2, (), (-9.0, 9.0)),
    ("pearl-ant-dir", 2, (0.19, 1.01), (0.21, 0.99)),
    ("pearl-ant-goal", 2, (), (-1.0, 5.0)),
    ("pearl-walker-rand-params", 2, (-1.01, 1.01), (-0.99, 0.99)),
    ("pearl-hopper-rand-params", 1, (0.69,), (0.71, 90.0)),
    ("pearl-hopper-rand-params", 2, (-0.21, 0.21), (-0.19, 0.19)),
    ("pearl-hopper-rand-params", 4, (101.0, -101.0), (99.0, -99.0)),
    ("grbal-ant-crippled", 2, (), (-1.0, 5.0)),
]


@pytest.mark.parametrize(("name", "entry", "failing", "healthy"), EDGES)
def test_episodes_end_at_the_published_edges(
    name: str, entry: int, failing: tuple[float, ...], healthy: tuple[float, ...]
) -> None:
    worlds = worlds_of(name, [{}], len(failing + healthy))
    worlds.sim.qpos[:, entry] = torch.tensor(failing + healthy, dtype=torch.float64)
    ended = worlds.family.robot.terminated(worlds.body)
    assert ended.tolist() == [True] * len(failing) + [False] * len(healthy)


@pytest.mark.parametrize(
    ("name", "bonus"),
    [("rllab-ant-dir", 0.05), ("promp-walker-vel", 15), ("pearl-humanoid-dir", 5), ("promp-ant-dir", 1)],
)
def test_the_bonus_is_paid_in_the_step_that_fails_too(name: str, bonus: float) -> None:
    rewards = []
    for options in ({}, {"alive_bonus": 0.0}):
        family = build_family(name, num_threads=1, **options)
        assert isinstance(family, Locomotion)
        worlds = family.worlds(family.sample(1, "train", torch.Generator().manual_seed(0)), 1)
        worlds.sim.qpos[0, family.robot.height_index or 0] = 5.0
        worlds.sim.forward()
        _, rew, ended, _ = worlds.step(torch.zeros(1, 1, family.space.act))
        assert ended.item()
        rewards.append(rew.item())
    assert rewards[0] - rewards[1] == pytest.approx(bonus)


RLLAB_ANT = (0, 0, 0.55, 1, 0, 0, 0, 0, 1, 0, -1, 0, -1, 0, 1)
NORMAL, UNIFORM = 3.0, 1.8  # fourth moments over the square of the second
RLLAB = ((0.01, NORMAL), (0.1, NORMAL))
SMALL = (0.005 / 3**0.5, UNIFORM)
NOISE: dict[str, tuple[tuple[float, float], tuple[float, float]]] = {  # deviation and shape for qpos, for qvel
    **dict.fromkeys(("rllab-cheetah-dir", "rllab-ant-dir", "grbal-ant-crippled", "grbal-cheetah-hfield"), RLLAB),
    **dict.fromkeys(("promp-cheetah-dir", "promp-ant-dir"), ((0.1 / 3**0.5, UNIFORM), (0.1, NORMAL))),
    **dict.fromkeys(("promp-walker-dir", "pearl-walker-rand-params", "pearl-hopper-rand-params"), (SMALL, SMALL)),
    "promp-humanoid-dir": ((0.01 / 3**0.5, UNIFORM), (0.01 / 3**0.5, UNIFORM)),
    "promp-swimmer-vel": ((0.1 / 3**0.5, UNIFORM), (0.1 / 3**0.5, UNIFORM)),
}


@pytest.mark.parametrize("name", NOISE)
def test_episodes_start_in_the_published_pose_with_the_published_noise(name: str) -> None:
    worlds = worlds_of(name, [{}], 2000)
    worlds.reset(torch.Generator().manual_seed(0))
    own = worlds.family.model.qpos0
    start = torch.tensor(RLLAB_ANT if "ant" in name and NOISE[name] == RLLAB else own, dtype=torch.float64)
    for noise, (deviation, shape) in zip((worlds.sim.qpos - start, worlds.sim.qvel), NOISE[name], strict=True):
        assert noise.mean(0).abs().max() < 5 * deviation / 2000**0.5
        assert noise.std(0).numpy() == pytest.approx(deviation, rel=0.12)
        assert (noise**4).mean() / (noise**2).mean() ** 2 == pytest.approx(shape, abs=0.15)


def test_one_radian_is_57_degrees_and_two_way_is_forth_and_back() -> None:
    for name, ends in (("varibad-ant-dir-one-radian", (-57.29578, 57.29578)), ("pearl-ant-dir-two-way", (0.0, 180.0))):
        tasks = build_family(name).sample(50, "train", torch.Generator().manual_seed(0))
        assert sorted(set(tasks.column("heading_deg").tolist())) == pytest.approx(ends)


@pytest.mark.parametrize("name", ["pearl-walker-rand-params", "pearl-hopper-rand-params"])
def test_random_parameters_are_log_uniform_and_independent_for_each_element(name: str) -> None:
    """ln(base^U(-3, 3)) has deviation 3 ln(base) / sqrt(3); every number of the model is its own times its own draw."""
    family = build_family(name, num_threads=1)
    tasks = family.sample(4000, "train", torch.Generator().manual_seed(0))
    logs = tasks.values[:, 1:].log().numpy()
    base = np.log([1.3 if n.startswith("damping") else 1.5 for n in tasks.names[1:]])
    assert np.abs(logs).max(0) == pytest.approx(3 * base, rel=0.01)
    assert logs.std(0) == pytest.approx(3 * base / 3**0.5, rel=0.05)
    assert np.abs(np.corrcoef(logs.T) - np.eye(logs.shape[1])).max() < 0.08
    assert isinstance(family, Locomotion)
    model, _ = family.worlds(tasks.chosen(slice(1)), 1).sim.mujoco_view(0)
    sampled = np.split(tasks.values[0, 1:].numpy(), np.cumsum([model.nbody - 1, 3 * (model.nbody - 1), model.nu]))
    assert tasks.names[-3 * model.ngeom] == "frictions:floor:slide"
    for field, factors in zip(("body_mass", "body_inertia", "dof_damping", "geom_friction"), sampled, strict=True):
        stock = getattr(family.model, field)[
            1 if field.startswith("body") else 3 if field.startswith("dof") else 0 :
        ].ravel()
        assert getattr(model, field).ravel()[-len(stock) :] == pytest.approx(stock * factors)


def test_models_are_the_published_ones() -> None:
    """Feet of 0.9 and 1.9, steps of 4 ms, rllab's soft ant with motors of 150, a cheetah of 14 kg at 1 m."""
    walker, hopper, ant, dropped = (
        worlds_of(name, [{}]).family.model
        for name in ("pearl-walker-rand-params", "pearl-hopper-rand-params", "rllab-ant-dir", "grbal-cheetah-hfield")
    )
    assert [walker.geom(g).friction[0] for g in ("foot_geom", "foot_left_geom")] == [0.9, 1.9]
    assert (walker.opt.timestep, hopper.opt.timestep, hopper.geom("foot_geom").friction[0]) == (0.004, 0.004, 2.0)
    assert (ant.geom_solimp[:, :3] == [0.8, 0.8, 0.01]).all()
    assert (ant.actuator_gear[:, 0] * ant.actuator_ctrlrange[:, 1] == 150).all()
    assert (dropped.body_mass.sum(), dropped.body("torso").pos[2]) == (pytest.approx(14), 1.0)


def ground(model: mujoco.MjModel, data: mujoco.MjData, x: float) -> float:
    """Height of the ground at x, seen from 8 m above and 0.3 m beside the robot's track."""
    mujoco.mj_forward(model, data)
    down = mujoco.mj_ray(
        model, data, np.array([x, 0.3, 8.0]), np.array([0, 0, -1.0]), None, 1, -1, np.zeros(1, np.int32)
    )
    return 8.0 - down


def test_the_ramps_are_the_published_ones() -> None:
    """Courses: slopes over 1 m beyond the start, and height at the end. Random ones: six ramps from x = 1 m on."""
    worlds = worlds_of("grbal-cheetah-hfield", [{"course": c} for c in (1, 2, 3, 4)])
    published = ((-10.37, 0.55, 0.55), (11.29, 0.0, 0.0), (3.17, 0.0, 1.0), (12.5, 0.0, 4.0))
    for i, (slope, behind, ahead) in enumerate(published):
        view = worlds.sim.mujoco_view(i)
        assert np.rad2deg(np.arctan(ground(*view, 1.5) - ground(*view, 0.5))) == pytest.approx(slope, abs=0.01)
        assert (ground(*view, -5), ground(*view, 19)) == pytest.approx((behind, ahead), abs=1e-5)
    worlds = worlds_of("grbal-cheetah-hfield", [{"course": 0}] * 8)
    for i in range(8):
        view = worlds.sim.mujoco_view(i)
        corners = np.array([ground(*view, -50 + 100 * column / 499) for column in (254, *range(264, 315, 10))])
        steps = np.diff(corners)
        assert 0.2 <= np.ptp(corners) <= 1.0
        assert (steps[:2] > 0).all()
        assert np.abs(steps).max() / np.abs(steps).min() <= 3 + 1e-6
        assert (ground(*view, 0), ground(*view, 30)) == pytest.approx((corners[0], corners[-1]), abs=1e-5)


def test_the_crippled_leg_is_half_as_thick_and_long_and_keeps_its_mass() -> None:
    worlds = worlds_of("grbal-ant-crippled", [{"crippled_leg": leg} for leg in range(4)])
    legs = (("left_leg", "left_ankle", 2), ("right_leg", "right_ankle", 4), ("back_leg", "third_ankle", 6))
    stock = worlds.family.model
    for i, (leg, ankle, motor) in enumerate((*legs, ("rightback_leg", "fourth_ankle", 0))):
        model, data = worlds.sim.mujoco_view(i)
        mujoco.mj_forward(model, data)
        ids = [stock.geom(f"{part}_geom").id for part in (leg, ankle)]
        expected = np.where(np.isin(np.arange(stock.ngeom), ids)[:, None], 0.5, 1.0) * stock.geom_size[:, :2]
        assert model.geom_size[2:, :2] == pytest.approx(expected[2:])
        own = model.body(model.geom_bodyid[ids[1]]).id
        reach = np.linalg.norm(data.geom_xpos[ids[1]] - data.xpos[own])
        assert reach == pytest.approx(np.linalg.norm(stock.geom_pos[ids[0]]))
        assert np.flatnonzero(model.actuator_gainprm[:, 0] == 0).tolist() == [motor, motor + 1]
        assert (model.body_mass == stock.body_mass).all()


UP = {"goal_distance": 1.0, "goal_heading_deg": 90.0}
MOVES = [  # goal, place, action in policy units, published reward, by hand
    ("rllab-point", {"goal_x": 0.3, "goal_y": 0.4}, (0, 0), (0, 5), -((0.3**2 + 0.3**2) ** 0.5)),
    ("pearl-point", {"goal_x": 1, "goal_y": 0}, (0, 0), (1, 0), -0.9),
    ("pearl-point-sparse", UP, (0, 0.75), (0, 1), 0.85),
    ("pearl-point-sparse", UP, (0, 0.65), (0, 1), 0.0),
    ("varibad-point", UP, (0, 0.65), (0, 1), -0.25),
    ("varibad-point-sparse", UP, (0, 0.75), (0, 9), 0.85),
    ("promp-point-corner", {"goal_x": 2, "goal_y": 2}, (0.4, 0.4), (10, 10), 0.2 * 2**0.5),
    ("promp-point-corner", {"goal_x": 2, "goal_y": 2}, (0.8, 0.8), (-5, -5), -0.1 * 2**0.5),
    ("promp-point-corner", {"goal_x": 2, "goal_y": 2}, (0, 0), (10, 10), 0.0),  # |x|_1 = 0.4: the middle
    ("promp-point-corner", {"goal_x": 2, "goal_y": -2}, (0.4, 0.4), (10, 10), 0.0),  # another corner is nearer
    ("promp-point-corner-dense", {"goal_x": 2, "goal_y": 2}, (0, 0), (99, 99), -1.8 * 2**0.5),
]


@pytest.mark.parametrize(("name", "goal", "place", "act", "reward"), MOVES)
def test_a_point_earns_what_was_published(
    name: str, goal: dict[str, float], place: tuple[float, float], act: tuple[float, float], reward: float
) -> None:
    _, rew, ended, _ = points_of(name, goal, place).step(torch.tensor([[act]], dtype=torch.float64))
    assert rew.item() == pytest.approx(reward, abs=1e-6)
    assert not ended.item()


def test_points_start_and_stop_where_was_published() -> None:
    """Starts within +-1 (PEARL) and +-0.2 (ProMP), else 0; only MAML's stops, within 0.01 of the goal on both axes."""
    for name, half in (
        ("pearl-point", 1.0),
        ("promp-point-corner", 0.2),
        ("pearl-point-sparse", 0),
        ("rllab-point", 0),
    ):
        family = build_family(name)
        tasks = family.sample(500, "train", torch.Generator().manual_seed(0))
        start = family.worlds(tasks, 1).reset(torch.Generator().manual_seed(0))
        assert start.std().item() == pytest.approx(half / 3**0.5, rel=0.05)
        assert start.abs().max() <= half
    for place, stops in (((0.309, 0.391), True), ((0.311, 0.4), False)):
        worlds = points_of("rllab-point", {"goal_x": 0.3, "goal_y": 0.4}, place)
        assert worlds.step(torch.zeros(1, 1, 2))[2].item() is stops
