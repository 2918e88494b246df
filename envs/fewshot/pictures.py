"""Anybody's pictures, PNG, JPEG, WebP or arrays, as square images of one size.

A picture is turned as its camera says, laid on white where it is transparent, made grey or RGB, and its central square
is resized, averaging over the pixels that become one. Files are not trusted: what is too large is refused before it is
unpacked, and what a file holds has to be what its name says.

Axes: `c` channels, 1 or 3, `H` x `H` pixels.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
MOST_BYTES = 64 * 2**20  # of a file; chosen
MOST_PIXELS = 50_000_000  # of a picture; chosen: larger than those of cameras, and 150 MB unpacked
NAMED = 3  # unreadable files that an error names; chosen
AT_ONCE = 64  # pictures that are read side by side; chosen
SIXTEEN_BITS = ("I", "I;16", "I;16B", "I;16L")  # modes of grey PNG files with 65536 levels
Pixels = NDArray[np.uint8]
How = Literal["bilinear", "area", "nearest"]
FILTERS: dict[How, Image.Resampling] = {
    "bilinear": Image.Resampling.BILINEAR,
    "area": Image.Resampling.BOX,
    "nearest": Image.Resampling.NEAREST,
}


class Form(NamedTuple):
    """What every picture becomes: [c, H, H] uint8.

    inverted: dark is 255 and white 0, as drawings of characters are learned from. how: pixels that become one are
    weighed by their distance (`bilinear`), averaged (`area`), or the one in the middle is taken (`nearest`).
    """

    size: int
    channels: int
    inverted: bool = False
    how: How = "bilinear"


def read(path: Path, form: Form) -> Pixels:
    """A picture, [c, H, H]. Raises ValueError, with the reason alone, for what is none or is too large."""
    if path.suffix.lower() not in FORMATS:
        raise ValueError("expected a name that ends in .png, .jpg, .jpeg or .webp")
    if not path.is_file():
        raise ValueError("not a regular file")
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"larger than {MOST_BYTES // 2**20} MB")
    kind = FORMATS[path.suffix.lower()]
    try:
        with Image.open(path, formats=[kind]) as image:
            if image.width * image.height > MOST_PIXELS:
                raise Image.DecompressionBombError
            return convert(image, form)
    except Image.DecompressionBombError:
        raise ValueError(f"more than {MOST_PIXELS:,} pixels") from None
    except UnidentifiedImageError:
        raise ValueError(f"not a {kind} file, as its name says") from None
    except Exception as error:  # Pillow raises many kinds of errors for damaged files
        raise ValueError(f"damaged: {error}") from None


def convert(image: Image.Image, form: Form) -> Pixels:
    """The central square of a picture, [c, H, H]."""
    flat = _without_transparency(ImageOps.exif_transpose(image))
    flat = flat.convert("L" if form.channels == 1 else "RGB")
    side = min(flat.size)
    left, top = ((length - side) // 2 for length in flat.size)
    square = flat.crop((left, top, left + side, top + side)).resize((form.size, form.size), FILTERS[form.how])
    pixels: Pixels = np.asarray(square).reshape(form.size, form.size, form.channels).transpose(2, 0, 1)
    return 255 - pixels if form.inverted else pixels


def _without_transparency(image: Image.Image) -> Image.Image:
    if image.mode in SIXTEEN_BITS:
        return Image.fromarray((np.asarray(image).astype(np.int64).clip(0, 65535) // 257).astype(np.uint8))
    if not image.has_transparency_data:
        return image
    picture = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)


def from_array(array: object) -> Image.Image:
    """A picture of pixels [h, w], or [h, w, 1, 3 or 4]: uint8, bool, or floating point from 0, black, to 1.

    Raises ValueError, in one sentence, for anything else.
    """
    x = np.asarray(array)
    if x.ndim == 3 and x.shape[2] == 1:
        x = x[..., 0]
    if (
        not (x.ndim == 2 or (x.ndim == 3 and x.shape[2] in (3, 4)))
        or not x.size
        or x.shape[0] * x.shape[1] > MOST_PIXELS
    ):
        raise ValueError(f"got a picture of shape {list(x.shape)}, expected [height, width] or [height, width, 3]")
    if x.dtype == np.bool_:
        x = x.astype(np.uint8) * 255
    elif np.issubdtype(x.dtype, np.floating):
        if not (np.isfinite(x).all() and x.min() >= 0 and x.max() <= 1):
            raise ValueError("got a picture of floating point numbers outside of 0, black, to 1: divide them by 255")
        x = (255 * x).round().astype(np.uint8)
    if x.dtype != np.uint8:
        raise ValueError(f"got a picture of {x.dtype}, expected uint8 from 0, black, to 255")
    return Image.fromarray(np.ascontiguousarray(x))


def read_all(
    paths: Sequence[Path], form: Form, below: Path, advance: Callable[[int], None] = lambda _: None
) -> Iterator[Pixels]:
    """Every picture in turn, a few read side by side; `advance` is told how many.

    At the end raises ValueError, in one sentence that names files from the folder `below` on, where some could not be
    read; those are left out.
    """
    refused: list[str] = []

    def read_one(path: Path) -> Pixels | None:
        try:
            return read(path, form)
        except ValueError as error:
            refused.append(f"{path.relative_to(below)} ({error})")
            return None

    rest = iter(paths)
    with warnings.catch_warnings(), ThreadPoolExecutor() as pool:
        warnings.simplefilter("ignore")  # of large pictures, which are refused, and of odd metadata
        while batch := list(islice(rest, AT_ONCE)):
            for pixels in pool.map(read_one, batch):
                if pixels is not None:
                    yield pixels
            advance(len(batch))
    if refused:
        named = ", ".join(sorted(refused)[:NAMED])
        more = f" and {len(refused) - NAMED} more" if len(refused) > NAMED else ""
        what = "1 picture" if len(refused) == 1 else f"{len(refused)} pictures"
        raise ValueError(f"{what} in {below} could not be read, repair or remove: {named}{more}")
