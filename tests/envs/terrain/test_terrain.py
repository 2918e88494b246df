"""Every terrain against models in which it alone was compiled."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
import torch

from envs.core import Tasks
from envs.locomotion.family import Locomotion
from envs.locomotion.worlds import LocomotionWorlds
from envs.robots import ROBOTS
from envs.robots.robot import compile_quietly
from tests.envs.terrain.rays import BOXES, FIELDS, FORWARD, SIDES, heights, is_shape, worlds_of


@pytest.mark.parametrize("name", BOXES + FIELDS)
@pytest.mark.parametrize("robot", SIDES)
def test_a_layout_is_one_ground_and_no_difficulty_is_flat(robot: str, name: str) -> None:
    worlds = worlds_of(robot, name, (1.0, 0.0), (1.0, 0.0), (1.0, 3 / 2**31), (0.0, 0.3))
    places = np.random.default_rng(0).uniform([-9, -0.4], [9, 0.4], (400, 2))
    one, same, other, flat = (heights(worlds, w, places) for w in range(4))
    assert np.array_equal(one, same)
    assert np.ptp(one) > 0.1
    assert np.array_equal(one, other) == name.startswith("stairs")
    assert flat == pytest.approx(0.0, abs=1.1e-3)


def compiled(worlds: LocomotionWorlds, world: int) -> mujoco.MjModel:
    """The ground of one world alone, compiled where it lies: its boxes, or its height field, and its plane."""
    view, _ = worlds.sim.mujoco_view(world)
    spec = worlds.family.robot.spec()
    floor = next(g for g in spec.geoms if g.type == mujoco.mjtGeom.mjGEOM_PLANE)
    shapes = [g for g in range(view.ngeom) if is_shape(view, g)]
    for g in shapes:
        if view.geom_type[g] == mujoco.mjtGeom.mjGEOM_BOX and view.geom_size[g].min() < 1e-9:
            continue  # the ring of the start itself has two boxes of no width
        geom = spec.worldbody.add_geom(
            name=view.geom(g).name, type=view.geom_type[g], pos=view.geom_pos[g], size=view.geom_size[g]
        )
        for name in ("contype", "conaffinity", "condim", "priority", "margin", "friction", "solref", "solimp"):
            setattr(geom, name, getattr(floor, name))
        if view.geom_type[g] == mujoco.mjtGeom.mjGEOM_HFIELD:
            field = view.hfield(int(view.geom_dataid[g]))
            geom.hfieldname, rows, columns = "own", int(field.nrow[0]), int(field.ncol[0])
            spec.add_hfield(name="own", nrow=rows, ncol=columns, size=field.size, userdata=field.data.ravel())
    floor.pos = view.geom_pos[worlds.sim.model.geom("floor").id]
    return compile_quietly(spec)


@pytest.mark.parametrize("name", BOXES + FIELDS)
@pytest.mark.parametrize("robot", SIDES)
def test_worlds_of_one_batch_have_grounds_of_their_own(robot: str, name: str) -> None:
    """Each equals a model in which its ground alone was compiled, to the bit over 50 control steps of random controls,
    from a drop onto the middle of the shape.
    """
    worlds = worlds_of(robot, name, (1.0, 0.0), (0.5, 0.0), (0.7, 5 / 2**31))
    height, frame_skip = worlds.family.robot.height_index, worlds.family.robot.frame_skip
    models = [compiled(worlds, w) for w in range(3)]
    worlds.sim.qpos[:, 0] += 2.5
    worlds.sim.qpos[:, height] += torch.tensor([heights(worlds, w, np.array([[2.5, 0.1]]))[0] for w in range(3)])
    worlds.sim.forward()
    datas = [mujoco.MjData(model) for model in models]
    for w in range(3):
        datas[w].qpos[:] = worlds.sim.qpos[w].numpy()
        mujoco.mj_forward(models[w], datas[w])
    acts = np.random.default_rng(0).uniform(-1, 1, (50, models[0].nu))
    touched = set()
    for act in acts:
        worlds.step(torch.from_numpy(act).expand(3, 1, -1))
        for w in range(3):
            datas[w].ctrl[:] = act
            mujoco.mj_step(models[w], datas[w], frame_skip)
            assert np.array_equal(worlds.sim.qpos[w].numpy(), datas[w].qpos)
            assert np.array_equal(worlds.sim.qvel[w].numpy(), datas[w].qvel)
            on_shape = np.isin(datas[w].contact.geom, [g for g in range(models[w].ngeom) if is_shape(models[w], g)])
            touched |= {w} if on_shape.any() else set()
    assert touched == {0, 1, 2}
    assert not torch.equal(worlds.sim.qpos[0], worlds.sim.qpos[1])


@pytest.mark.parametrize("robot", ["walker2d", "hopper", "half_cheetah", "ant", "humanoid", "quadruped"])
@pytest.mark.parametrize(("name", "climb"), [("stairs_up", 2.4), ("stairs_down", -2.4)])
def test_a_robot_beyond_the_stairs_observes_the_same_as_on_flat_ground(robot: str, name: str, climb: float) -> None:
    """Twelve steps of 0.2 m up or down, in the start pose 5 cm above the ground, after one step without control: it
    observes the same as on the plane, and has not failed; a copy that is left at the old height fails, if it can.
    """
    worlds = worlds_of(robot, name, (1.0, 0.0), (1.0, 0.0))
    flat = Locomotion(robot, (FORWARD,), num_threads=1).worlds(Tasks.from_json([{"direction": 1.0}]), 1)
    flat.sim.reset()
    height = worlds.family.robot.height_index
    for at in (worlds, flat):
        at.sim.qpos[:] = torch.tensor(ROBOTS[robot].start or at.sim.model.qpos0)
        at.sim.qpos[:, 0] = 10.0
        at.sim.qpos[:, height] += 0.05
    worlds.sim.qpos[0, height] += climb
    for at in (worlds, flat):
        at.sim.forward()
    obs, _, terminated, _ = worlds.step(torch.zeros(2, 1, worlds.family.space.act))
    expected, *_ = flat.step(torch.zeros(1, 1, worlds.family.space.act))
    assert torch.allclose(obs[0], expected[0], rtol=0, atol=1e-8)
    fails = ("walker2d", "ant", "humanoid") + (("hopper", "quadruped") if climb > 0 else ())  # low; some also high
    assert terminated.flatten().tolist() == [False, robot in fails]
