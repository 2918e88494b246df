"""From clips to a video file: rendering, captions, encoding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import av
import numpy as np
from matplotlib import font_manager
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from envs.locomotion.family import Locomotion
from envs.locomotion.scenery import Stage
from metarl.reporting.video.clips import Clip
from metarl.system.files import atomic_path

PANEL = (640, 400)  # pixels, width and height of one of two panels
SMALL = (400, 250)  # pixels, of a panel in a grid
BACKGROUND, WHITE, YELLOW, GRAY = (24, 28, 34), (255, 255, 255), (255, 214, 102), (170, 180, 190)
Frame = NDArray[np.uint8]  # [height, width, 3]


def render(clips: list[Clip], family: Locomotion, columns: int, steps: int | None = None) -> Iterator[Frame]:
    """Frames with all clips under their captions, `columns` in a row; `steps` are by default a whole episode."""
    size = PANEL if columns <= 2 else SMALL
    last = len(clips[0].rewards) if steps is None else min(steps, len(clips[0].rewards))
    with closing(Stage(family, *size)) as stage:
        for t in range(last + 1):
            panels = [
                np.vstack([_caption(clip, t, family.control_step, size[0]), stage.draw(clip.world, clip.poses[t])])
                for clip in clips
            ]
            rows = [np.hstack(panels[i : i + columns]) for i in range(0, len(panels), columns)]
            yield np.vstack(rows)


def _caption(clip: Clip, t: int, control_step: float, width: int) -> Frame:
    """Two lines: title with return so far, position and speed; task."""
    scale = width / PANEL[0]
    speed = (clip.poses[t, 0] - clip.poses[t - 1, 0]) / control_step if t else 0.0
    facts = f"return {clip.rewards[:t].sum():+.0f}   x {clip.poses[t, 0]:+.1f} m   {speed:+.1f} m/s"
    large, small = round(22 * max(scale, 0.7)), round(18 * max(scale, 0.75))
    bar = Image.new("RGB", (width, round(72 * max(scale, 0.72)) // 2 * 2), BACKGROUND)
    draw = ImageDraw.Draw(bar)
    draw.text((12, 6), clip.title, fill=WHITE, font=_font(large))
    draw.text((width - 12, 6), facts, fill=YELLOW, font=_font(large), anchor="ra")
    draw.text((12, bar.height - 8), clip.task, fill=GRAY, font=_font(small), anchor="ls")
    return np.asarray(bar)


def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(font_manager.findfont("DejaVu Sans"), size)


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


def write_video(clips: list[Clip], family: Locomotion, path: Path, columns: int, steps: int | None = None) -> None:
    """Write clips as a video in real time; see `render` for arguments. Raises OSError where it cannot be written."""
    write_mp4(render(clips, family, columns, steps), path, fps=round(1 / family.control_step))
