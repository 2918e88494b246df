"""From clips to a video file: rendering, captions, encoding."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from envs.locomotion.family import Locomotion
from envs.locomotion.scenery import Stage
from metarl.reporting.video.captions import Captions, Texts
from metarl.reporting.video.clips import Clip
from metarl.reporting.video.telemetry import Telemetry, clock
from metarl.system.files import atomic_path

FPS = 30  # frames a second; poses between control steps are interpolated
Frame = NDArray[np.uint8]  # [height, width, 3]


def panel_size(columns: int) -> tuple[int, int]:
    """Width and height in pixels of a picture, several of which stand in a row: even, as the codec needs."""
    return (640, 400) if columns <= 2 else (400, 250) if columns <= 4 else (320, 200)


def render(
    clips: list[Clip], family: Locomotion, columns: int, steps: int | None = None, speed: float = 1.0
) -> Iterator[Frame]:
    """Frames with all clips under their captions, `columns` in a row; `steps` are by default a whole episode.

    speed: of playback; 0.5 is slow motion.
    """
    size = panel_size(columns)
    last = len(clips[0].rewards) if steps is None else min(steps, len(clips[0].rewards))
    with closing(Stage(family, *size)) as stage:
        shown = [_telemetry(clip, stage, family.control_step, last) for clip in clips]
        captions = Captions(list(_all_texts(shown, last, family.control_step, speed)), size[0])
        for seconds in _times(last * family.control_step, speed):
            at = min(seconds / family.control_step, last)
            panels = [_panel(one, at, clock(seconds, speed), stage, captions) for one in shown]
            rows = [np.hstack(panels[i : i + columns]) for i in range(0, len(panels), columns)]
            yield np.vstack(rows)


def _times(duration: float, speed: float) -> Iterator[float]:
    """The time in the simulation of each frame, s; the last one shows the end."""
    count = math.ceil(duration * FPS / speed - 1e-9)
    return (min(k * speed / FPS, duration) for k in range(count + 1))


def _telemetry(clip: Clip, stage: Stage, control_step: float, last: int) -> Telemetry:
    place = np.stack([stage.scene.place(clip.world, pose) for pose in clip.poses[: last + 1]])  # [last + 1, 3]
    return Telemetry(clip, place[:, :2], np.append(0.0, clip.rewards.cumsum()), control_step)


def _all_texts(shown: list[Telemetry], last: int, control_step: float, speed: float) -> Iterator[Texts]:
    return (one.texts(t, clock(t * control_step, speed)) for one in shown for t in range(last + 1))


def _panel(one: Telemetry, at: float, time: str, stage: Stage, captions: Captions) -> Frame:
    """One clip under its caption, at a time in steps."""
    clip, t = one.clip, int(at)
    pose = clip.poses[t]
    if at > t:
        pose = stage.scene.between(pose, clip.poses[t + 1], at - t)
    return np.vstack([captions.draw(one.texts(t, time)), stage.draw(clip.world, pose, clip.numbers_at(t))])


def write_mp4(frames: Iterable[Frame], path: Path, fps: int) -> None:
    """Encode frames as H.264 in yuv420p, which every browser plays; they are streamed, never all in memory.

    Raises OSError where the file cannot be written; nothing is left of it then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        try:
            _encode(frames, temporary, fps)
        except av.FFmpegError as error:
            raise OSError(error.errno, error.strerror, str(path)) from None


def _encode(frames: Iterable[Frame], path: Path, fps: int) -> None:
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream: av.VideoStream | None = None
        for frame in frames:
            if stream is None:
                stream = container.add_stream("libx264", rate=fps, options={"crf": "23", "preset": "medium"})
                stream.height, stream.width, stream.pix_fmt = frame.shape[0], frame.shape[1], "yuv420p"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        if stream is not None:
            container.mux(stream.encode())


def write_video(
    clips: list[Clip], family: Locomotion, path: Path, columns: int, steps: int | None = None, speed: float = 1.0
) -> None:
    """Write clips as a video; see `render` for arguments. Raises OSError where it cannot be written."""
    write_mp4(render(clips, family, columns, steps, speed), path, FPS)
