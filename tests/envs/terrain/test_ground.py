"""Every ground against rays that fall on it, balls that rest on it, and models in which it alone was compiled."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from envs.core import Tasks, Variable
from envs.locomotion.family import Locomotion
from envs.locomotion.worlds import LocomotionWorlds
from envs.robots import ROBOTS
from envs.robots.robot import compile_quietly
from envs.simulation import BatchSimulator
from envs.simulation.params import Params
from envs.variations.registry import VARIATIONS

Floats = NDArray[np.floating]
FORWARD = Variable("direction", ((1.0, 1.0),))
BOXES = ("stairs_up", "stairs_down", "obstacles", "gaps")
FIELDS = ("rough", "hills")
SIDES: dict[str, tuple[tuple[int, int], ...]] = {
    "half_cheetah": ((1, 0), (-1, 0)),
    "ant": ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1)),
}
TREADS = 1.0 + 0.31 * (np.arange(13) + 0.5)  # m, middles of the 12 steps and of what would be the next


def worlds_of(robot: str, name: str, *difficulty_and_layout: tuple[float, float]) -> LocomotionWorlds:
    """One world for each pair, at the model's initial state."""
    family = Locomotion(robot, (FORWARD, Variable(name, ((0.0, 1.0),))), action_scale=1.0, num_threads=1)
    rows = [{"direction": 1.0, name: d, "layout": layout} for d, layout in difficulty_and_layout]
    worlds = family.worlds(Tasks.from_json([{n: row[n] for n in family.names} for row in rows]), 1)
    worlds.sim.reset()
    return worlds


def heights(worlds: LocomotionWorlds, world: int, places: Floats) -> Floats:
    """Of the ground at places [n, 2] in m, from rays that fall past the robot, which is lifted out of the way."""
    model, data = worlds.sim.mujoco_view(world)
    data.qpos[worlds.family.robot.height_index] += 50.0
    mujoco.mj_kinematics(model, data)
    hit, down = np.zeros(1, np.int32), np.array([0.0, 0.0, -1.0])
    z: Floats = np.array(
        [10.0 - mujoco.mj_ray(model, data, np.array([x, y, 10.0]), down, None, 1, -1, hit) for x, y in places]
    )
    return z


def line(side: tuple[int, int], distances: Floats) -> Floats:
    """Places along a direction; planar bodies are met 0.1 m beside the middle of their lane, as others are."""
    places: Floats = distances[:, None] * np.array(side) + 0.1 * np.array([side[0] == 0, side[1] == 0])
    return places


@pytest.mark.parametrize("robot", SIDES)
@pytest.mark.parametrize(("name", "sign"), [("stairs_up", 1), ("stairs_down", -1)])
def test_every_tread_has_its_height_on_all_sides(robot: str, name: str, sign: int) -> None:
    """Step k = 1 to 12 lies at 0.2 k times the difficulty, what follows as high as the last, the pad at 0 (to 1 mm)."""
    worlds = worlds_of(robot, name, (0.25, 0.0), (1.0, 0.0), (0.0, 0.0))
    for w, difficulty in enumerate((0.25, 1.0, 0.0)):
        expected = sign * 0.2 * difficulty * np.minimum(np.arange(1, 14), 12)
        for side in SIDES[robot]:
            assert heights(worlds, w, line(side, TREADS)) == pytest.approx(expected, abs=1.1e-3)
            assert heights(worlds, w, line(side, np.linspace(0, 0.99, 9))) == pytest.approx(0.0, abs=1.1e-3)
            edges = np.concatenate([TREADS - 0.15, TREADS + 0.15])  # 5 mm from both ends of each
            assert heights(worlds, w, line(side, edges)) == pytest.approx(np.tile(expected, 2), abs=1.1e-3)


def resting(name: str, difficulty: float, places: Floats, start: Floats) -> Floats:
    """Where balls of 5 cm end [n, 3] that are dropped 2 cm above `start` [n] at places [n, 2]; one world for each."""
    spec = mujoco.MjSpec()
    spec.option.timestep = 0.002
    spec.worldbody.add_geom(name="floor", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[0, 0, 1])
    ball = spec.worldbody.add_body(name="ball")
    ball.add_freejoint()
    ball.add_geom(type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[0.05, 0, 0], condim=6, friction=[1, 0.01, 0.01])
    make = VARIATIONS[name].terrain
    assert make is not None
    terrain = make(False)
    terrain.prepare(spec)
    sim = BatchSimulator(spec.compile(), len(places), 1)
    params = Params(sim.model, len(places))
    task = {name: torch.full((len(places),), difficulty).double(), "layout": torch.zeros(len(places)).double()}
    terrain.apply(params, task)
    sim.set_params(params)
    sim.reset()
    sim.qpos[:, :2], sim.qpos[:, 2] = torch.from_numpy(places), torch.from_numpy(start) + 0.07
    sim.step(torch.zeros(len(places), 0), 300)
    return sim.qpos[:, :3].numpy()


@pytest.mark.parametrize(("name", "sign"), [("stairs_up", 1), ("stairs_down", -1)])
def test_a_ball_rests_on_every_tread(name: str, sign: int) -> None:
    places = np.concatenate([line(side, TREADS) for side in SIDES["ant"][:4]])
    expected = sign * 0.2 * np.tile(np.minimum(np.arange(1, 14), 12), 4)
    ended = resting(name, 1.0, places, expected)
    assert ended[:, 2] == pytest.approx(expected + 0.05, abs=2e-3)
    assert ended[:, :2] == pytest.approx(places, abs=1e-2)


def test_a_ball_falls_into_the_pit_and_rests_a_metre_below() -> None:
    """With the pad 1 m wide on each side, the first gap is 0.6 m wide."""
    places = np.concatenate([line(side, np.array([0.5, 1.3])) for side in SIDES["ant"][:4]])
    ended = resting("gaps", 1.0, places, np.zeros(8))
    assert ended[0::2, 2] == pytest.approx(0.05, abs=2e-3)
    assert ended[1::2, 2] == pytest.approx(-0.95, abs=2e-3)


@pytest.mark.parametrize("robot", SIDES)
@pytest.mark.parametrize("difficulty", [0.25, 1.0])
def test_gaps_are_as_wide_and_the_pit_as_deep_as_they_say(robot: str, difficulty: float) -> None:
    """Eleven gaps of 0.6 m times the difficulty between platforms of 0.6 to 1.4 m; rays every 5 mm."""
    worlds = worlds_of(robot, "gaps", (difficulty, 0.3))
    profiles = [heights(worlds, 0, line(side, np.arange(0.0025, 25.0, 0.005))) for side in SIDES[robot][:4]]
    for profile in profiles:
        assert np.array_equal(profile, profiles[0])
        level = profile > -0.5
        assert profile[level] == pytest.approx(0.0, abs=1e-5)
        assert profile[~level] == pytest.approx(-1.0, abs=1e-5)
        lengths = np.diff(np.flatnonzero(np.diff(level))) * 0.005  # of gap, platform, gap, ..., gap
        assert len(lengths) == 21
        assert lengths[0::2] == pytest.approx(0.6 * difficulty, abs=6e-3)
        assert ((lengths[1::2] > 0.59) & (lengths[1::2] < 1.41)).all()
        assert np.flatnonzero(~level)[0] * 0.005 == pytest.approx(1.0, abs=6e-3)


@pytest.mark.parametrize("robot", SIDES)
def test_blocks_have_the_heights_they_say_and_keep_off_the_pad(robot: str) -> None:
    """30 to 100 % of 0.25 m times the difficulty, to 0.1 mm; they lie all around."""
    worlds = worlds_of(robot, "obstacles", (1.0, 0.1), (0.4, 0.6))
    grid = np.arange(-11.0, 11.0, 0.1) + 0.05
    sides = grid if robot == "ant" else np.array([0.1])
    places = np.stack(np.meshgrid(grid, sides), -1).reshape(-1, 2)
    for w, difficulty in enumerate((1.0, 0.4)):
        z = heights(worlds, w, places)
        block = z > 1e-5
        assert (z[~block] > -1e-5).all()
        assert not block[np.abs(places).max(1) < 1.0].any()
        share = z[block] / (0.25 * difficulty)
        assert share.min() > 0.3 - 2e-3
        assert share.max() <= 1.0
        assert share.min() < 0.4 < 0.9 < share.max()
        for axis in range(2 if robot == "ant" else 1):
            assert block[places[:, axis] > 2].any()
            assert block[places[:, axis] < -2].any()


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


def nominal(worlds: LocomotionWorlds, name: str, difficulty: float, layout: float, places: Floats) -> Floats:
    """What the family takes for the height of the ground at places [n, 2]: one world for each."""
    task = {
        name: torch.full((len(places),), difficulty).double(),
        "layout": torch.full((len(places),), layout).double(),
    }
    assert worlds.family.terrain is not None
    surface = worlds.family.terrain.surface(task)
    assert surface is not None
    return surface(torch.from_numpy(places[:, : 1 if worlds.family.robot.is_planar() else 2])).numpy()


@pytest.mark.parametrize("robot", SIDES)
@pytest.mark.parametrize(("name", "claimed"), [("rough", 0.2), ("hills", 1.0)])
def test_the_height_over_a_field_is_that_of_the_field(robot: str, name: str, claimed: float) -> None:
    """At its nodes, every 0.2 m, to 0.1 mm, between them to 2 cm; with x and y swapped or mirrored it is not."""
    tasks = [(1.0, 0.0), (1.0, 5 / 2**31), (0.5, 5 / 2**31)]
    worlds = worlds_of(robot, name, *tasks)
    reach = np.array([11.9, 11.9]) if robot == "ant" else np.array([39.9, 0.0])
    between = np.random.default_rng(0).uniform(-reach, reach, (1000, 2))
    tops = []
    for w, (difficulty, layout) in enumerate(tasks):
        at_nodes = np.round(between / 0.2) * 0.2 + [2e-5, 1e-5]  # a ray along the seam of two triangles falls through
        z = heights(worlds, w, at_nodes)
        assert np.abs(z - nominal(worlds, name, difficulty, layout, at_nodes)).max() < 1e-4
        for turned in (at_nodes * [-1, 1],) if robot == "half_cheetah" else (at_nodes[:, ::-1].copy(), -at_nodes):
            assert np.abs(z - nominal(worlds, name, difficulty, layout, turned)).max() > 0.05
        pad = np.abs(at_nodes / np.where(reach, 1, np.inf)).max(1) < 0.9
        assert z[pad] == pytest.approx(0.0, abs=1e-6)
        assert z.min() >= -1e-6
        tops.append(z.max())
        beside = between + np.array([0, 1e-5])
        assert np.abs(heights(worlds, w, beside) - nominal(worlds, name, difficulty, layout, beside)).max() < 0.02
    assert 0.8 * claimed < tops[1] <= claimed
    assert tops[2] == pytest.approx(tops[1] / 2, rel=1e-3)


def is_shape(model: mujoco.MjModel, geom: int) -> bool:
    return bool(model.geom(geom).name.startswith("terrain_"))


def compiled(worlds: LocomotionWorlds, world: int) -> mujoco.MjModel:
    """The ground of one world alone, compiled where it lies: its boxes, or its height field, and its plane."""
    view, _ = worlds.sim.mujoco_view(world)
    spec = worlds.family.robot.spec()
    floor = next(g for g in spec.geoms if g.type == mujoco.mjtGeom.mjGEOM_PLANE)
    shapes = [g for g in range(view.ngeom) if is_shape(view, g)]
    for g in shapes:
        if view.geom_type[g] == mujoco.mjtGeom.mjGEOM_BOX and view.geom_size[g].min() < 1e-9:
            continue  # the ring that is the pad itself has two boxes without width
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


@pytest.mark.parametrize(
    ("name", "x"),
    [(name, x) for name in ("stairs_up", "stairs_down", "gaps") for x in (0.0, 12.0)] + [("obstacles", 3.0)],
)
def test_no_difficulty_moves_like_the_plane(name: str, x: float) -> None:
    """Twenty steps of random controls on level boxes equal those on a plane but for their 1 mm: no foot touches twice,
    once the box and once what lies below. (Where level boxes meet, it does: 1 mm in these 20 steps; not here.)
    """
    worlds = worlds_of("half_cheetah", name, (0.0, 0.0))
    flat = Locomotion("half_cheetah", (FORWARD,), action_scale=1.0, num_threads=1)
    plane = flat.worlds(Tasks.from_json([{"direction": 1.0}]), 1)
    plane.sim.reset()
    worlds.sim.qpos[:, 0] = plane.sim.qpos[:, 0] = x
    top = heights(worlds, 0, np.array([[x + 0.01, 0.1]]))[0]
    worlds.sim.qpos[:, 1] += top
    worlds.sim.forward()
    plane.sim.forward()
    for act in np.random.default_rng(0).uniform(-0.3, 0.3, (20, 6)):
        worlds.step(torch.from_numpy(act).expand(1, 1, -1))
        plane.step(torch.from_numpy(act).expand(1, 1, -1))
    ours, theirs = (at.sim.qpos[0].numpy() for at in (worlds, plane))
    assert ours - [0, top, 0, 0, 0, 0, 0, 0, 0] == pytest.approx(theirs, abs=1e-4)


@pytest.mark.parametrize("name", FIELDS)
def test_training_and_testing_share_no_field(name: str) -> None:
    variables = (FORWARD, Variable(name, ((1.0, 1.0),)), Variable("layout", ((0.0, 1.0),)))
    family = Locomotion("half_cheetah", variables, num_threads=1)
    seen = []
    for split in ("train", "test"):
        tasks = family.sample(100, split, torch.Generator().manual_seed(0))
        worlds = family.worlds(tasks, 1)
        seen.append(set(worlds.sim.params("geom_dataid")[:, worlds.sim.model.geom("terrain_0").id].tolist()))
    assert seen[0].isdisjoint(seen[1])
    assert min(len(s) for s in seen) > 1


def test_a_part_of_the_layouts_cannot_be_held_out_and_is_refused() -> None:
    with pytest.raises(ValueError, match=r"layout has a range other than \[0, 1\]"):
        Locomotion("ant", (FORWARD, Variable("rough", ((0.5, 0.5),)), Variable("layout", ((0.0, 0.5),))))


@pytest.mark.parametrize("robot", ["walker2d", "hopper", "half_cheetah", "ant", "humanoid", "quadruped"])
@pytest.mark.parametrize(("name", "climb"), [("stairs_up", 2.4), ("stairs_down", -2.4)])
def test_a_robot_beyond_the_stairs_feels_as_on_flat_ground(robot: str, name: str, climb: float) -> None:
    """Twelve steps of 0.2 m up or down, in the pose of the start 5 cm above the ground, one step without control: it
    observes the same as on the plane, and has not failed; left at the old height, bodies that can fail so have.
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


@pytest.mark.parametrize("name", BOXES)
@pytest.mark.parametrize("robot", SIDES)
def test_no_box_is_without_width(robot: str, name: str) -> None:
    """MuJoCo refuses to compile such a box, but collides with one that was made so later."""
    worlds = worlds_of(robot, name, (0.0, 0.0), (1.0, 0.0))
    model = worlds.sim.model
    shapes = [g for g in range(model.ngeom) if is_shape(model, g)]
    assert worlds.sim.params("geom_size")[:, shapes].min() > 1e-6


@pytest.mark.parametrize("robot", SIDES)
def test_no_layout_puts_a_block_on_the_pad(robot: str) -> None:
    """In 50 layouts the near side of every block is 1 m or more from the middle, along x or along y."""
    worlds = worlds_of(robot, "obstacles", *((1.0, i / 50) for i in range(50)))
    shapes = [g for g in range(worlds.sim.model.ngeom) if is_shape(worlds.sim.model, g)]
    near = (worlds.sim.params("geom_pos").abs() - worlds.sim.params("geom_size"))[:, shapes, :2]
    assert 1.0 - 1e-9 <= near.amax(2).min() < 1.2
