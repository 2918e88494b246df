"""What strangers do with the environments: set tasks by attribute, record, copy, pickle, and vectorise them."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv
from gymnasium.wrappers import RecordVideo
from stable_baselines3.common.vec_env import VecMonitor, VecVideoRecorder

from envs import gym
from envs.core import Tasks
from envs.gym.sb3 import TaskVecEnv
from envs.named import build_family
from metarl.system import rendering
from tests.envs.gym.batch import TASK, vector

DRAWS = pytest.mark.skipif(rendering.working() is None, reason=f"no OpenGL library: {rendering.ADVICE}")
STEEP = TASK | {"slope_deg": -6.0}


def gravity(env: gym.TaskVectorEnv) -> list[float]:
    """Component along x of every world's gravity; positive downhill."""
    return env.worlds.sim.params("opt.gravity")[:, 0].tolist()


@pytest.mark.parametrize("setter", ["attribute", "method", "sb3"])
def test_tasks_that_are_set_are_simulated_and_told(setter: str) -> None:
    """Columns may come in any order; gravity along x is -g sin(slope)."""
    env = vector(2)
    env.reset(seed=0)
    tasks = Tasks.from_json([dict(reversed(task.items())) for task in (TASK, STEEP)])
    if setter == "attribute":
        env.tasks = tasks
    elif setter == "method":
        env.set_tasks(tasks)
    else:
        TaskVecEnv(env).set_attr("tasks", tasks)
    assert gravity(env) == pytest.approx([-9.81 * np.sin(np.deg2rad(s)) for s in (5.0, -6.0)])
    *_, infos = env.step(np.zeros((2, 6), dtype=np.float32))
    assert list(infos["task"]) == [TASK, STEEP]
    env.reset(seed=1)
    assert env.tasks.to_json() == [TASK, STEEP]


def test_the_single_environment_has_tasks_too() -> None:
    env = gymnasium.make("metarl/HalfCheetahSlope-v0")
    env.unwrapped.tasks = Tasks.from_json([TASK])  # type: ignore[attr-defined]
    assert env.reset(seed=0)[1]["task"] == TASK


def test_editing_what_tasks_gives_changes_nothing() -> None:
    env = vector(2)
    env.reset(seed=0, options={"task": TASK})
    env.tasks.values[:] = 0.0
    assert env.tasks.to_json() == [TASK, TASK]


@pytest.mark.parametrize(
    ("tasks", "sentence"),
    [
        ([TASK, TASK], "tasks are list, expected Tasks: build them with Tasks.from_json"),
        (Tasks.from_json([TASK]), "got 1 task for 2 worlds, expected one per world"),
        (Tasks.from_json([TASK, TASK | {"slope_deg": 90.0}]), "slope_deg=90 lies outside"),
        (Tasks.from_json([{"direction": 1.0}] * 2), "needs the parameter friction, slope_deg"),
    ],
)
def test_wrong_tasks_are_refused(tasks: object, sentence: str) -> None:
    env = vector(2)
    env.reset(seed=0)
    before = env.tasks
    for assign in (lambda: setattr(env, "tasks", tasks), lambda: TaskVecEnv(env).set_attr("tasks", tasks)):
        with pytest.raises(ValueError, match=sentence):
            assign()
    assert torch.equal(env.tasks.values, before.values)


@pytest.mark.parametrize("name", ["observe_task", "family", "num_envs", "autoreset_mode", "render_mode"])
def test_what_the_environment_was_built_from_cannot_be_set(name: str) -> None:
    env = vector(2)
    with pytest.raises(AttributeError, match=f"{name} is fixed once the environment is made"):
        TaskVecEnv(env).set_attr(name, getattr(env, name))


def test_an_unknown_attribute_is_refused() -> None:
    with pytest.raises(ValueError, match="no attribute 'task': did you mean tasks"):
        TaskVecEnv(vector(2)).set_attr("task", TASK)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"tasks": TASK}, "set_options has no option tasks, expected task"),
        ([{"task": TASK}, {"slope_deg": 1.0}], "set_options has no option slope_deg"),
        ([{"task": TASK}], "got 1 option for 2 worlds"),
    ],
)
def test_unknown_options_of_stable_baselines_are_refused(options: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        VecMonitor(TaskVecEnv(vector(2))).set_options(options)  # type: ignore[arg-type]


def test_a_step_before_the_first_reset_is_refused() -> None:
    with pytest.raises(RuntimeError, match="reset it before its first step"):
        vector(2).step(np.zeros((2, 6), dtype=np.float32))
    with pytest.raises(RuntimeError, match="reset it before its first step"):
        gymnasium.make("metarl/HopperDirection-v0").unwrapped.step(np.zeros(3, dtype=np.float32))


@DRAWS
def test_a_batch_renders_every_world() -> None:
    env = vector(3, "HopperStairsUp", render_mode="rgb_array")
    env.reset(seed=0, options={"task": [{"stairs_up": d} for d in (0.0, 0.3, 0.6)]})
    pictures = env.render()
    assert pictures is not None
    assert [p.shape for p in pictures] == [(300, 480, 3)] * 3
    assert all(p.std() > 20 for p in pictures)
    assert not np.array_equal(pictures[0], pictures[2])
    assert env.metadata["render_fps"] == 125
    env.close()


@DRAWS
def test_gymnasium_shows_batches_and_their_images_agree_with_single_ones() -> None:
    batch = vector(1, render_mode="rgb_array")
    single = gymnasium.make("metarl/HalfCheetahSlope-v0", render_mode="rgb_array")
    for env in (batch, single):
        env.reset(seed=0, options={"task": TASK})
    assert np.array_equal(batch.render()[0], single.render())  # type: ignore[index]


@pytest.mark.parametrize("mode", ["human", "ansi"])
def test_other_render_modes_of_a_batch_are_refused(mode: str) -> None:
    with pytest.raises(ValueError, match=f"render_mode is '{mode}', expected None or 'rgb_array'"):
        vector(2, render_mode=mode)


def film(path: Path) -> tuple[int, tuple[int, int]]:
    """Number and size of the frames of a film."""
    av = pytest.importorskip("av")
    with av.open(str(path)) as container:
        frames = [(f.width, f.height) for f in container.decode(video=0)]
    return len(frames), frames[0]


@DRAWS
def test_gymnasium_records_a_video(tmp_path: Path) -> None:
    """The reset and 10 steps: 11 frames, of which newer versions of moviepy leave out the last."""
    pytest.importorskip("moviepy", reason="RecordVideo needs the extra video")
    env = RecordVideo(
        gymnasium.make("metarl/HalfCheetahSlope-v0", render_mode="rgb_array", max_episode_steps=10),
        str(tmp_path / "videos"),
    )
    env.reset(seed=0)
    for _ in range(10):
        env.step(np.zeros(6, dtype=np.float32))
    env.close()
    assert film(next((tmp_path / "videos").glob("*.mp4"))) in ((11, (480, 300)), (10, (480, 300)))


@DRAWS
def test_stable_baselines_records_a_video(tmp_path: Path) -> None:
    """Four worlds as 2 x 2 tiles."""
    pytest.importorskip("moviepy", reason="VecVideoRecorder needs the extra video")
    env = VecVideoRecorder(
        TaskVecEnv(vector(4, render_mode="rgb_array")), str(tmp_path), lambda step: step == 0, video_length=5
    )
    env.reset()
    for _ in range(6):
        env.step(np.zeros((4, 6), dtype=np.float32))
    env.close()
    count, size = film(next(tmp_path.glob("*.mp4")))
    assert count in (5, 6)
    assert size == (960, 600)


@DRAWS
def test_stable_baselines_renders_tiles() -> None:
    env = TaskVecEnv(vector(2, render_mode="rgb_array"))
    env.reset()
    assert env.render_mode == "rgb_array"
    assert env.metadata["render_fps"] == 20
    picture = env.render()
    assert picture is not None
    assert picture.shape in ((300, 960, 3), (600, 480, 3))


@pytest.mark.parametrize("again", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])  # noqa: S301 (ours)
@pytest.mark.parametrize("name", ["HalfCheetahSlope", "QuadrupedHills", "varibad-point-sparse", "pearl-ant-goal"])
@pytest.mark.parametrize("kind", ["single", "batch", "sb3"])
def test_environments_are_copied_by_their_specification(name: str, kind: str, again: object) -> None:
    """The copy has the same options and the tasks that were set, starts like the original, and is independent of it."""
    if kind == "single":
        env = gymnasium.make(f"metarl/{name}-v0", max_episode_steps=3, observe_task=True)
        core = env.unwrapped
    else:
        core = vector(2, name, max_episode_steps=3, observe_task=True)
        env = core if kind == "batch" else TaskVecEnv(core)
    tasks = core.sample_tasks(core.tasks.values.shape[0], "test", 3)
    core.tasks = tasks
    other = again(env)  # type: ignore[operator]
    starts = []
    for each in (env, other):
        if kind == "sb3":
            each.seed(5)
            starts.append(each.reset())
            each.step(np.zeros(each._actions.shape, dtype=np.float32))
        else:
            starts.append(each.reset(seed=5)[0])
            each.step(np.zeros(each.action_space.shape, dtype=np.float32))
    assert np.array_equal(*starts)
    copied = other.env if kind == "sb3" else other.unwrapped
    assert torch.equal(copied.tasks.values, tasks.values)
    assert copied.spec == core.spec
    if kind == "batch":
        assert copied.max_episode_steps == 3


def test_a_copied_environment_begins_with_a_reset() -> None:
    env = gymnasium.make("metarl/HalfCheetahSlope-v0")
    env.reset(seed=0)
    with pytest.raises(RuntimeError, match="reset it before its first step"):
        copy.deepcopy(env).step(np.zeros(6, dtype=np.float32))


def test_a_family_with_a_reward_of_ones_own_is_copied() -> None:
    family = build_family("HalfCheetahDirection", num_threads=1, reward=lambda motion, task: -motion.velocity[:, 0])
    env = copy.deepcopy(gym.TaskEnv(family))
    env.reset(seed=0)
    assert np.isfinite(env.step(np.ones(6, dtype=np.float32))[1])


@pytest.mark.parametrize("batched", [SyncVectorEnv, AsyncVectorEnv])
def test_gymnasiums_own_vector_environments_take_it(batched: type[SyncVectorEnv]) -> None:
    make = lambda: gymnasium.make("metarl/HalfCheetahSlope-v0")  # noqa: E731
    env = batched([make, make])
    env.reset(seed=0, options={"task": TASK})
    obs, *_, infos = env.step(env.action_space.sample())
    assert obs.shape == (2, 17)
    assert infos["task"]["slope_deg"].tolist() == [5.0, 5.0]
    env.close()
