"""Where episodes start and end, against the published definitions."""

from __future__ import annotations

import pytest
import torch

from envs.locomotion.family import Locomotion
from envs.named import build_family
from tests.envs.classic.published import worlds_of

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
