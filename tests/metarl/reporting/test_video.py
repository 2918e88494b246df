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

from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.reporting import video
from metarl.reporting.video.sources import source_of_config
from metarl.training.trainer import Trainer


def test_a_run_is_filmed_before_and_after_adaptation(small: Callable[..., Config]) -> None:
    config = small("maml_cheetah_direction")
    source = source_of_config(config)
    before, after = source.clips({"direction": -1.0}, None, 1, False, 0)
    assert (before.title, after.title) == ("before adaptation", "after 2 episodes")
    assert before.task == after.task == "direction -1"
    assert before.poses.shape == (11, source.family.model.nq)
    assert before.rewards.shape == (10,)
    assert not np.array_equal(before.poses, after.poses)
    assert len(source.clips({}, "test", 4, True, 0)) == 4


def test_a_video_has_a_frame_for_every_pose(tmp_path: Path) -> None:
    """Two clips of three steps in two panels of 640 x 400 pixels under a caption of 72."""
    source = video.source_of_tasks("HopperDirection", "random")
    clips = source.clips({}, "test", 2, False, 0)
    video.write_video(clips, source.family, tmp_path / "clip.mp4", 2, steps=3)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 4
    assert frames[0].shape == (472, 1280, 3)
    assert not np.array_equal(frames[0][72:], frames[3][72:])


def test_a_zero_policy_gives_no_torque() -> None:
    source = video.source_of_tasks("HopperDirection", "zero")
    action = source._act(torch.zeros(2, 3, source.family.space.obs), torch.Generator())
    assert action.act.shape == (2, 3, source.family.space.act)
    assert not action.act.any()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("HoperDirection", "there are no tasks and no config named 'HoperDirection': did you mean HopperDirection"),
        ("maml_point", "a point has no body to film"),
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
