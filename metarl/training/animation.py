"""A clip as an animated picture, for programs that show pictures alone."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

WIDTH = 320  # pixels, at most; chosen
RATE = 10  # pictures a second; chosen: a GIF holds every picture whole


def gif_of(path: Path) -> tuple[bytes, int, int]:
    """A video file as an animated GIF; its bytes, height and width. Raises OSError for what is no video."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        scale = min(1.0, WIDTH / stream.width)
        width, height = round(stream.width * scale), round(stream.height * scale)
        every = max(round(float(stream.average_rate or RATE) / RATE), 1)
        shown: Iterator[Any] = islice(container.decode(stream), 0, None, every)
        frames = [frame.to_image(width=width, height=height) for frame in shown]
    picture = io.BytesIO()
    frames[0].save(picture, "GIF", save_all=True, append_images=frames[1:], duration=1000 // RATE, loop=0)
    return picture.getvalue(), height, width
