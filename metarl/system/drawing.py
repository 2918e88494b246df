"""Drawn pictures as folders of PNG files, one a class."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PIL import Image

from envs.fewshot.shapes import kinds, picture
from metarl.errors import UserError


def write_shapes(folder: Path, classes: int, images: int, advance: Callable[[int], None]) -> None:
    """Write `images` pictures of each of the first `classes` shapes; `advance` is told how many more.

    Raises UserError for a folder that holds anything.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is there already and holds something: give another folder with --out")
    for kind in kinds()[:classes]:
        (folder / kind.name).mkdir(parents=True)
        for i in range(images):
            Image.fromarray(picture(kind, i)).save(folder / kind.name / f"{i:03d}.png")
            advance(1)
