"""Models from strangers: an MJCF file is read only if it, and all it names, lies in its own folder.

MuJoCo follows whatever a model says: includes, meshes, textures and height fields from anywhere on the disk. Here the
text is looked through first, by a parser that expands no entities.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

FOLDERS = ("assetdir", "meshdir", "texturedir")  # attributes of `compiler`
FILES = ("file", "fileright", "fileleft", "fileup", "filedown", "filefront", "fileback")
MODELS = ("include", "model")  # elements whose file is MJCF again
MOST_BYTES, MOST_FILES = 64 * 2**20, 1000  # of all MJCF text together, and of files that are named; chosen


def checked(path: Path) -> Path:
    """The path of an MJCF file that names nothing outside its folder.

    Raises ValueError, which says what is wrong with which file.
    """
    start, folder = path.resolve(), path.resolve().parent
    read, left = set[Path](), MOST_BYTES
    parents, below = {folder}, {Path()}  # MuJoCo looks beside the first file and beside the one that names another
    named: set[tuple[str, str]] = set()  # element and file
    waiting = {start}
    while waiting:
        for file in sorted(waiting):
            elements, size = _elements(file, left)
            left -= size
            read.add(file)
            parents.add(file.parent)
            below |= {Path(has[key]) for _, has in elements for key in FOLDERS if key in has}
            named |= {(name, has[key]) for name, has in elements for key in FILES if has.get(key)}
        if len(named) > MOST_FILES:
            raise ValueError(f"{path} names more than {MOST_FILES} files: give it fewer")
        for sub in below:
            _inside(folder, path, sub)
        places = {
            (name, _inside(folder, path, parent / sub / file))
            for (name, file), parent, sub in itertools.product(named, parents, below)
        }
        waiting = {place for name, place in places if name in MODELS and place.is_file()} - read
    return path


def _inside(folder: Path, path: Path, named: Path) -> Path:
    """Where a name leads from the folder, links followed; ValueError if that is outside."""
    place = (folder / named).resolve()
    if not place.is_relative_to(folder):
        raise ValueError(f"{path} leads to {place}, expected files within {folder}: put it there, or leave it out")
    return place


def _elements(file: Path, most: int) -> tuple[list[tuple[str, dict[str, str]]], int]:
    """Every element of an XML file with its attributes, and the file's size."""
    found: list[tuple[str, dict[str, str]]] = []
    parser = expat.ParserCreate()

    def refuse(*_: object) -> NoReturn:
        raise ValueError(f"{file} declares a document type or entities, which a model does not need: take them out")

    def meet(name: str, attributes: dict[str, str]) -> None:
        found.append((name, attributes))

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = meet
    try:
        with file.open("rb") as stream:
            text = stream.read(most + 1)
        if len(text) > most:
            raise ValueError(f"{file} and what it includes have over {MOST_BYTES >> 20} MiB of text: make them smaller")
        parser.Parse(text, True)
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}") from None
    except expat.ExpatError as error:
        raise ValueError(f"{file} is not XML ({error}), expected an MJCF model") from None
    if found[0][0] not in ("mujoco", "mujocoinclude"):
        raise ValueError(f"{file} begins with <{found[0][0]}>, expected an MJCF model, which begins with <mujoco>")
    return found, len(text)
