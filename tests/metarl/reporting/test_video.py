"""Videos show what a policy did, and filming a training does not change it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from metarl.system import rendering

if rendering.working() is None:
    pytest.skip("no OpenGL library", allow_module_level=True)

import av

from envs.locomotion.scene import Scene
from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.reporting import video
from metarl.reporting.video.sources import RunSource, source_of_config
from metarl.reporting.video.telemetry import Telemetry
from metarl.training.trainer import Trainer


def test_a_run_is_filmed_before_and_after_adaptation(small: Callable[..., Config]) -> None:
    config = small("maml_cheetah_direction")
    source = source_of_config(config)
    before, after = source.clips({"direction": -1.0}, None, 1, False, 0)
    assert (before.title, after.title) == ("before adaptation", "after 2 episodes")
    assert before.task == after.task == "backwards"
    assert before.poses.shape == (11, source.family.model.nq)
    assert before.rewards.shape == (10,)
    assert not np.array_equal(before.poses, after.poses)
    assert len(source.clips({}, "test", 4, True, 0)) == 4


def test_a_memory_is_filmed_off_and_on_in_its_first_episode_unless_told_otherwise(
    small: Callable[..., Config],
) -> None:
    """What it finds out, it finds out there: a second episode would look the same."""
    trainer = Trainer(small("quickstart"))
    task = {"direction": -1.0, "slope_deg": 4.0}
    off, on = RunSource(trainer, 1).clips(task, "test", 1, False, 0)
    assert (off.title, on.title) == ("RL^2 (GRU), memory off", "RL^2 (GRU), first episode")
    assert np.array_equal(off.poses[0], on.poses[0])
    assert not np.array_equal(off.poses, on.poses)
    later = RunSource(trainer, 1, 2).clips(task, "test", 1, False, 0)
    assert [clip.title for clip in later] == ["RL^2 (GRU), memory off", "RL^2 (GRU), after 2 episodes"]
    assert [clip.title for clip in RunSource(trainer, 1).clips(task, "test", 2, True, 0)] == ["after 1 episode"] * 2


def decoded(path: Path) -> tuple[list[np.ndarray], av.VideoStream]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)], stream


@pytest.mark.parametrize(("speed", "count"), [(1.0, 3), (0.5, 5), (4.0, 2)])
def test_a_video_plays_at_30_frames_a_second_at_any_speed(speed: float, count: int, tmp_path: Path) -> None:
    """Eight steps of 0.008 s in two panels of 640 x 400 pixels: 0.064 s / speed * 30, rounded up, and the start."""
    source = video.source_of_tasks("HopperDirection", "random")
    clips = source.clips({}, "test", 2, False, 0)
    video.write_video(clips, source.family, tmp_path / "clip.mp4", 2, steps=8, speed=speed)
    frames, stream = decoded(tmp_path / "clip.mp4")
    assert stream.codec_context.name == "h264"
    assert stream.average_rate == 30
    assert len(frames) == count
    height, width, _ = frames[0].shape
    assert width == 1280
    assert height > 400
    assert height % 2 == 0
    assert not np.array_equal(frames[0][-400:], frames[-1][-400:])


def test_a_grid_of_many_columns_has_even_sides_and_stays_narrow(tmp_path: Path) -> None:
    source = video.source_of_tasks("HopperDirection", "zero")
    for columns in (1, 3, 6):
        clips = source.clips({}, "test", 1, True, 0) * columns
        frame = next(video.render(clips, source.family, columns, 1))
        assert frame.shape[0] % 2 == 0
        assert frame.shape[1] % 2 == 0
        assert frame.shape[1] <= 1920


def test_poses_between_steps_lie_between_them() -> None:
    """The x of a planar robot is linear in time."""
    source = video.source_of_tasks("HopperDirection", "random")
    clip = source.clips({}, "test", 1, False, 0)[0]
    scene = Scene(source.family, 64, 48)
    middle = scene.between(clip.poses[3], clip.poses[4], 0.25)
    assert middle == pytest.approx(0.75 * clip.poses[3] + 0.25 * clip.poses[4])


def test_a_robot_that_failed_is_said_to_have() -> None:
    """A hopper of a random policy falls; its speed is not shown from then on."""
    source = video.source_of_tasks("HopperDirection", "random")
    clip = source.clips({}, "test", 1, False, 0)[0]
    assert clip.ended is not None
    place = np.zeros((len(clip.poses), 2))
    telemetry = Telemetry(clip, place, np.zeros(len(clip.poses)), source.family.control_step)
    assert telemetry.texts(clip.ended - 1, "").facts[2] == "0.0 m/s"
    assert telemetry.texts(clip.ended, "").facts[2] == f"failed at {clip.ended * 0.008:.1f} s"


def test_a_zero_policy_gives_no_torque() -> None:
    source = video.source_of_tasks("HopperDirection", "zero")
    action = source._act(torch.zeros(2, 3, source.family.space.obs), torch.Generator())
    assert action.act.shape == (2, 3, source.family.space.act)
    assert not action.act.any()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("HoperDirection", "there are no tasks and no config named 'HoperDirection': did you mean HopperDirection"),
        ("maml_point", "its tasks have no body to film"),
    ],
)
def test_tasks_that_cannot_be_filmed_are_errors(name: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        video.source_of_tasks(name, "random")


def test_filming_a_training_does_not_change_it(small: Callable[..., Config], tmp_path: Path) -> None:
    config = small("maml_cheetah_direction")
    filmed, other = Trainer(config), Trainer(config)
    training_video = video.TrainingVideo(tmp_path, config)
    for _ in range(2):
        filmed.iterate()
        other.iterate()
        path = training_video.film(filmed.iteration, filmed.theta)
    assert path == tmp_path / "iteration_0000002.mp4"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["iteration_0000001.mp4", "iteration_0000002.mp4"]
    assert all(torch.equal(v, other.theta[k]) for k, v in filmed.theta.items())
    assert all(torch.equal(v, training_video.source.trainer.theta[k]) for k, v in filmed.theta.items())
