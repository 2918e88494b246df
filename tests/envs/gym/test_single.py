"""The single environment: its task, and rendering."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext

import gymnasium
import mujoco
import numpy as np
import pytest
import torch

from envs.gym import TaskEnv
from envs.named import build_family
from metarl.system import rendering
from tests.envs.gym.batch import TASK


def test_the_task_is_kept_until_it_is_changed() -> None:
    env = gymnasium.make("metarl/HalfCheetahSlope-v0")
    _, info = env.reset(seed=0, options={"task": TASK})
    assert info["task"] == TASK
    for _ in range(3):
        _, info = env.reset()
        assert info["task"] == TASK
    _, info = env.reset(options={"task": {"direction": 1.0}})
    assert info["task"] == TASK | {"direction": 1.0}
    with pytest.raises(ValueError, match="slope_deg=50 lies outside"):
        env.reset(options={"task": {"slope_deg": 50.0}})
    with pytest.raises(ValueError, match="has no parameter slope: did you mean slope_deg"):
        env.reset(options={"task": {"slope": 5.0}})


@pytest.mark.skipif(rendering.working() is None, reason=f"no OpenGL library: {rendering.ADVICE}")
def test_a_single_environment_renders() -> None:
    env = gymnasium.make("metarl/HalfCheetahSlope-v0", render_mode="rgb_array")
    env.reset(seed=0)
    picture = env.render()
    assert picture.shape == (300, 480, 3)
    assert picture.std() > 20
    env.close()


class FakeViewer:
    """Replaces MuJoCo's viewer, which needs a display."""

    def __init__(self) -> None:
        self.cam = mujoco.MjvCamera()
        self.user_scn = mujoco.MjvScene(mujoco.MjModel.from_xml_string("<mujoco/>"), 10)
        self.shown = 0
        self.is_open = True

    def lock(self) -> AbstractContextManager[None]:
        return nullcontext()

    def sync(self) -> None:
        self.shown += 1

    def close(self) -> None:
        self.is_open = False


def test_a_window_follows_every_step_in_real_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame for the reset and for each step, the last two 0.05 s apart at least."""
    viewer, naps = FakeViewer(), []
    monkeypatch.setattr("glfw.init", lambda: True)
    monkeypatch.setattr("mujoco.viewer.launch_passive", lambda *args, **kwargs: viewer)
    monkeypatch.setattr("time.sleep", naps.append)
    env = gymnasium.make("metarl/AntStairsUp-v0", render_mode="human")
    env.reset(seed=0)
    for _ in range(3):
        env.step(np.zeros(8, dtype=np.float32))
    assert viewer.shown == 4
    assert 0 < max(naps) <= 0.05 * 4
    assert viewer.cam.lookat[2] > 0
    assert viewer.user_scn.ngeom == 1  # an arrow for the direction
    env.close()
    assert not viewer.is_open


def test_a_point_has_nothing_to_render() -> None:
    with pytest.raises(ValueError, match="render_mode is 'human', expected None"):
        gymnasium.make("metarl/rllab-point-v0", render_mode="human")


def test_set_task_changes_some_numbers_and_keeps_the_rest() -> None:
    env = gymnasium.make("metarl/AntStairsUp-v0").unwrapped
    env.reset(seed=0, options={"task": {"direction": -1.0, "stairs_up": 0.3}})
    env.set_task({"stairs_up": 0.5})
    _, info = env.reset()
    assert info["task"] == {"direction": -1.0, "stairs_up": 0.5}


def test_a_window_without_a_display_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """MuJoCo's viewer would end the whole process."""
    monkeypatch.setattr("glfw.init", lambda: False)
    env = gymnasium.make("metarl/HopperDirection-v0", render_mode="human")
    with pytest.raises(RuntimeError, match="a window needs a display: use render_mode='rgb_array'"):
        env.reset(seed=0)


def test_what_a_partial_task_leaves_out_follows_the_seed() -> None:
    slopes = []
    for seed in (1, 2, 1):
        env = gymnasium.make("metarl/HalfCheetahSlope-v0")
        _, info = env.reset(seed=seed, options={"task": {"direction": 1.0}})
        slopes.append(info["task"]["slope_deg"])
    assert slopes[0] == slopes[2] != slopes[1]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e300, 1.0000001, -1e-9])
def test_a_task_outside_the_family_is_refused_and_changes_nothing(value: float) -> None:
    env = TaskEnv(build_family("AntStairsUp", num_threads=1))
    env.reset(seed=0, options={"task": {"direction": 1.0, "stairs_up": 0.5}})
    before = env._batch.tasks.values.clone()
    with pytest.raises(ValueError, match=r"stairs_up=.* lies outside this family"):
        env.reset(options={"task": {"stairs_up": value}})
    with pytest.raises(ValueError, match=r"stairs_up=.* lies outside this family"):
        env.set_task({"stairs_up": value})
    assert torch.equal(env._batch.tasks.values, before)
