"""Lake's two archives of Omniglot to the packed files that `envs.fewshot.omniglot` reads.

images_background.zip and images_evaluation.zip hold 32460 images of 105 x 105 pixels and one bit:
`images_background/<alphabet>/character<number>/<image>_<drawer>.png`. The metadata is in omniglot.json beside this
module: the characters, Vinyals' split, and Lake's small sets and one-shot runs.

Images are read by name, without unpacking the archive; anything else in it is ignored.
"""

from __future__ import annotations

import hashlib
import io
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from envs.fewshot.arrays import MOST_BYTES, ArrayFile, Header
from envs.fewshot.images import nearest_pixels
from envs.fewshot.omniglot import DRAWINGS, FILES, LARGE, SMALL

ARCHIVES = {"background": "images_background.zip", "evaluation": "images_evaluation.zip"}
PIXELS = {  # SHA-256 of the packed arrays
    "images28": "8746af6fe1391ee082bbeb38a00f848f4a806baa36ecd49b82b4096d21cea12a",
    "images105": "43f3e5e604f5d4ba93a120ae07a0525c7b3513d558c5952e9e531bc7fc798ce3",
}
MOST_IMAGE_BYTES = 10_000  # of one image: its bits are 1470 bytes
SMALL_PIXELS = nearest_pixels(SMALL, LARGE)
Arrays = dict[str, NDArray[Any]]
_UNREADABLE = (BadZipFile, zlib.error, OSError, EOFError, SyntaxError, ValueError, RuntimeError, NotImplementedError)


def facts() -> Arrays:
    """The metadata arrays; classes are ordered by archive, then by alphabet."""
    metadata = read_metadata()
    names, characters, firsts, parts, splits = zip(*metadata["alphabets"], strict=True)
    number = np.concatenate([np.arange(1, n + 1) for n in characters])  # [C]
    start = dict(zip(names, np.cumsum((0, *characters[:-1])), strict=True))
    return {
        "alphabet_names": np.array(names),
        "alphabet": np.repeat(np.arange(len(names)), characters).astype(np.uint8),
        "character": number.astype(np.uint8),
        "image_id": (np.repeat(firsts, characters) + number - 1).astype(np.uint16),
        "split_lake": np.repeat([list(ARCHIVES).index(p) for p in parts], characters).astype(np.uint8),
        "split_vinyals": np.concatenate([np.repeat([0, 1, 2], counts) for counts in splits]).astype(np.uint8),
        **_one_shot(metadata["one_shot"], start),
        "license": np.array(metadata["license"]),
        **{k: np.array([names.index(name) for name in metadata[k]], np.uint8) for k in ("small1", "small2")},
    }


def read_metadata() -> Any:
    """The content of omniglot.json."""
    return json.loads(Path(__file__).with_name("omniglot.json").read_text(encoding="utf-8"))


def _one_shot(alphabets: list[dict[str, Any]], start: dict[str, int]) -> Arrays:
    """Lake's runs: the drawer of the supports, the drawer of the queries, and the characters of the queries."""
    supports, queries, labels = [], [], []
    for given in alphabets:
        classes = [start[given["alphabet"]] + c - 1 for c in given["characters"]]
        for support_drawer, query_drawer, query_characters in given["runs"]:
            label = [given["characters"].index(c) for c in query_characters]
            supports.append([(c, support_drawer - 1) for c in classes])
            queries.append([(classes[i], query_drawer - 1) for i in label])
            labels.append(label)
    return {
        "oneshot_support": np.array(supports, np.int16),
        "oneshot_query": np.array(queries, np.int16),
        "oneshot_label": np.array(labels, np.int8),
    }


def members(part: str) -> Iterator[str]:
    """Names of the images of `background` or `evaluation`, class by class, drawer by drawer."""
    for alphabet, characters, first, of_part, _ in read_metadata()["alphabets"]:
        for i in range(characters if of_part == part else 0):
            folder = f"{ARCHIVES[part].removesuffix('.zip')}/{alphabet}/character{i + 1:02d}"
            yield from (f"{folder}/{first + i:04d}_{drawer:02d}.png" for drawer in range(1, DRAWINGS + 1))


def pack(archives: Mapping[str, bytes], read: Callable[[int], None]) -> Arrays:
    """Every array of the packed file; `archives` by part, `read` is called with the number of classes read.

    Raises ValueError for archives that are damaged or not those of Omniglot.
    """
    pictures = [picture for part in ARCHIVES for picture in _pictures(part, archives[part], read)]
    ink = np.stack(pictures).reshape(-1, DRAWINGS, LARGE, LARGE)
    small = ink[..., SMALL_PIXELS[:, None], SMALL_PIXELS]
    packed = {
        "images28": np.packbits(small.reshape(len(ink), DRAWINGS, -1), axis=-1),
        **facts(),
        "images105": np.packbits(ink, axis=-1),
    }
    for name in PIXELS:
        if not _is_known(name, packed[name]):
            raise ValueError(f"the checksum of {name} differs from that of Omniglot: download the archives again")
    return packed


def _pictures(part: str, content: bytes, read: Callable[[int], None]) -> Iterator[NDArray[np.bool_]]:
    """The images one by one, [105, 105] bool, ink is True."""
    name = member = ARCHIVES[part]
    try:
        with ZipFile(io.BytesIO(content)) as archive:
            for i, member in enumerate(members(part)):
                yield _picture(archive, member)
                read(1 if i % DRAWINGS == DRAWINGS - 1 else 0)
    except KeyError:
        raise ValueError(f"{name} has no {member}: it is not the archive of Omniglot") from None
    except _UNREADABLE as error:
        raise ValueError(f"{member} could not be read ({type(error).__name__}: {error})") from None


def _picture(archive: ZipFile, member: str) -> NDArray[np.bool_]:
    with archive.open(member) as file:
        content = file.read(MOST_IMAGE_BYTES + 1)
    if len(content) > MOST_IMAGE_BYTES:
        raise ValueError(f"more than {MOST_IMAGE_BYTES} bytes")
    with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
        if image.size != (LARGE, LARGE) or image.mode != "1":
            raise ValueError(
                f"{image.width} x {image.height} pixels of mode {image.mode}, expected 105 x 105 of one bit"
            )
        return ~np.asarray(image)  # ink is black


def _is_known(name: str, array: NDArray[Any]) -> bool:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest() == PIXELS[name]


def contents(packed: Arrays) -> dict[str, Arrays]:
    """The arrays of each of the two files."""
    full, small = FILES
    return {full: packed, small: {k: v for k, v in packed.items() if k != "images105"}}


def is_whole(path: Path) -> bool:
    """Whether a packed file exists and all its arrays are correct."""
    wanted = facts()
    pictures = [name for name in PIXELS if path.name == FILES[0] or name == "images28"]
    try:
        with ArrayFile(path) as file:
            return all(_is_small(file.header(name)) and _is_known(name, file.read(name)) for name in pictures) and all(
                file.header(name)[:2] == (array.shape, array.dtype) and np.array_equal(file.read(name), array)
                for name, array in wanted.items()
            )
    except Exception:  # zipfile and numpy raise many kinds of errors for damaged members
        return False


def _is_small(header: Header) -> bool:
    return header.dtype == np.dtype(np.uint8) and header.bytes <= MOST_BYTES
