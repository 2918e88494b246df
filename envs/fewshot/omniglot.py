"""Omniglot: 1623 characters of 50 alphabets, 20 drawings each (Lake, Salakhutdinov, Tenenbaum 2015, Science 350).

Read from one packed file of arrays. Its 28 x 28 images are those of the papers: every 105 x 105 image at the pixels
floor((i + 0.5) 105 / 28), because PIL resizes one-bit images by the nearest pixel, whatever the filter.
"""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.fewshot.arrays import ArrayFile
from envs.fewshot.images import ImageSet, nearest_pixels

FILES = ("omniglot.npz", "omniglot28.npz")  # with and without the 105 x 105 images
IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
MOST_FOLDERS = 1000  # that are searched for images; chosen
CLASSES, DRAWINGS, LARGE, SMALL = 1623, 20, 105, 28
Splits = Literal["vinyals", "lake"]
Resize = Literal["nearest", "area"]


class Runs(NamedTuple):
    """Lake's 20 one-shot runs: 20 supports and 20 queries each, all of one alphabet, as (class, drawing)."""

    support: Tensor  # [20, 20, 2]
    query: Tensor  # [20, 20, 2]
    label: Tensor  # [20, 20] index of the support that has the query's character


def cache_folder() -> Path:
    """The folder to which `metarl data omniglot` writes the packed files."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "metarl"


def packed_in(place: Path) -> Path | None:
    """The file itself, or the packed file in a folder or its subfolder omniglot; None if there is none."""
    candidates = (place, *(folder / name for folder in (place, place / "omniglot") for name in FILES))
    return next((path for path in candidates if path.is_file()), None)


def find_file(given: str | None = None) -> Path:
    """The packed file: as given, in the folder METARL_DATA or its subfolder, or in the user's cache.

    Raises FileNotFoundError if there is none.
    """
    places = [Path(p) for p in (given, os.environ.get("METARL_DATA")) if p] + ([] if given else [cache_folder()])
    for found in map(packed_in, places):
        if found:
            return found
    looked = ", ".join(map(str, places))
    raise FileNotFoundError(
        next(filter(None, map(advice, places)), None)
        or f"there is no packed Omniglot in {looked}: fetch it with `metarl data omniglot`, set METARL_DATA to the "
        f"folder of {FILES[1]}, or use data: glyphs"
    )


def advice(place: Path) -> str | None:
    """What to do with a folder that holds archives or images, but no packed Omniglot; None for any other."""
    if not place.is_dir():
        return None
    if all((place / f"images_{part}.zip").is_file() for part in ("background", "evaluation")):
        return f"{place} holds Omniglot's archives: pack them with `metarl data omniglot --from {place}`"
    entries = (Path(name) for _, _, names in islice(os.walk(place), MOST_FOLDERS) for name in names)
    if any(entry.suffix.lower() in IMAGES for entry in entries):
        return (
            f"{place} holds images, and Omniglot is read packed: fetch it with `metarl data omniglot`; to learn from "
            "images of your own, give --tasks.data folder too (docs/how-to/own-images.md)"
        )
    return None


def load(
    given: str | None = None, *, splits: Splits = "vinyals", size: int = SMALL, resize: Resize = "nearest"
) -> ImageSet:
    """The images with 28 to 105 pixels of a side; `resize="area"` averages instead, to 256 levels.

    Raises ValueError for a file that is not a packed Omniglot, or has no large images where they are needed.
    """
    averages = resize == "area" and size < LARGE
    with _Packed(find_file(given)) as file:
        if averages:
            pixels = _averaged(_large(file), size)
        else:
            pixels = _small(file) if size == SMALL else _subsampled(_large(file), size)
        split = file["split_lake"] * 2 if splits == "lake" else file["split_vinyals"]
        return ImageSet(
            torch.from_numpy(pixels),
            torch.from_numpy(split.astype(np.int64)),
            torch.from_numpy(file["alphabet"].astype(np.int64)),
            levels=255 if averages else 1,
        )


def one_shot_runs(given: str | None = None) -> Runs:
    """The 400 trials of Koch et al. 2015."""
    with _Packed(find_file(given)) as file:
        names = ("oneshot_support", "oneshot_query", "oneshot_label")
        return Runs(*(torch.from_numpy(file[name].astype(np.int64)) for name in names))


class _Packed:
    """A packed file whose arrays are checked for type and shape; pickles are refused."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> _Packed:
        try:
            self.file = ArrayFile(self.path).__enter__()
        except (OSError, ValueError, EOFError, BadZipFile, NotImplementedError) as error:
            raise ValueError(f"{self.path} is not a packed Omniglot ({type(error).__name__}: {error})") from None
        return self

    def __exit__(self, *_: object) -> None:
        self.file.__exit__()

    def __getitem__(self, name: str) -> NDArray[np.uint8]:
        if name not in self.file.names:
            raise ValueError(f"{self.path} holds no {name!r}: it is not a packed Omniglot, or one without large images")
        expected, kinds = SHAPES[name], "B" if name.startswith("images") else np.typecodes["AllInteger"]
        try:
            header = self.file.header(name)
            if header.shape == expected and header.dtype.char in kinds:
                array: NDArray[np.uint8] = self.file.read(name)
                return array
        except Exception as error:  # zipfile and numpy raise many kinds of errors for damaged members
            raise ValueError(f"{self.path} is damaged: {name!r} could not be read ({type(error).__name__})") from None
        found = f"{header.dtype} of shape {header.shape}"
        raise ValueError(f"{self.path} holds {name!r} as {found}, expected whole numbers of {expected}")


SHAPES: dict[str, tuple[int, ...]] = {
    "images28": (CLASSES, DRAWINGS, SMALL * SMALL // 8),
    "images105": (CLASSES, DRAWINGS, LARGE, 14),
    "split_lake": (CLASSES,),
    "split_vinyals": (CLASSES,),
    "alphabet": (CLASSES,),
    "oneshot_support": (20, 20, 2),
    "oneshot_query": (20, 20, 2),
    "oneshot_label": (20, 20),
}


def _small(file: _Packed) -> NDArray[np.uint8]:
    return np.unpackbits(file["images28"], axis=-1).reshape(CLASSES, DRAWINGS, SMALL, SMALL)


def _large(file: _Packed) -> NDArray[np.uint8]:
    return np.unpackbits(file["images105"], axis=-1, count=LARGE)


def _subsampled(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """The nearest pixels."""
    if size == LARGE:
        return pixels
    nearest = nearest_pixels(size, LARGE)
    return np.ascontiguousarray(pixels[..., nearest[:, None], nearest])


def _averaged(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Area average to size x size, 0 to 255: each small pixel covers 105 / size large ones in either direction."""
    edges = np.arange(size + 1) * LARGE / size
    left, right = edges[:-1, None], edges[1:, None]
    cell = np.arange(LARGE)[None]
    weights = np.clip(np.minimum(right, cell + 1) - np.maximum(left, cell), 0, None).astype(np.float32)  # [size, 105]
    weights /= weights.sum(1, keepdims=True)
    averaged = np.einsum("ih,cdhw,jw->cdij", weights, pixels.astype(np.float32), weights, optimize=True)
    levels: NDArray[np.uint8] = np.round(255 * averaged).astype(np.uint8)
    return levels
