"""How large an MJCF model may become, before MuJoCo compiles it: one line can ask for more than a machine has."""

from __future__ import annotations

import math
import os
import stat
import struct
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

MAX_ELEMENTS = 100_000  # of a file, each as often as it is replicated; chosen
MAX_COPIES = 5_000  # of one element by replicate, composite, flexcomp; chosen: MuJoCo compiles as many in seconds
MAX_PIXELS = 2**25  # of a texture, and points of a height field; chosen
MAX_FILE = 2**28  # bytes of a mesh, texture or height field; chosen
MAX_BYTES = 2**33  # of `size memory`; chosen
MAX_NUMBER = 10**6  # of any other size; chosen
CONTENTS = ("include", "attach")  # elements that stand for a file's
UNITS = {"K": 10, "M": 20, "G": 30, "T": 40, "P": 50, "E": 60}
COUNTS = ("replicate", "composite", "flexcomp")  # elements with a `count`
PIXELS = {"texture": ("width", "height"), "hfield": ("nrow", "ncol")}
SIZES = {
    "numeric": ("size",),
    "mesh": ("params",),
    "sensor": ("nsample", "dim"),
    "actuator": ("nsample",),
    "size": (
        *("njmax", "nconmax", "nstack", "nuserdata", "nkey", "nuser_body", "nuser_jnt", "nuser_geom", "nuser_site"),
        *("nuser_cam", "nuser_tendon", "nuser_actuator", "nuser_sensor"),
    ),
}
MAX_SIZE = {"nstack": 2**30, "njmax": 10**7, "nconmax": 10**7}


class _Check:
    """Goes through the elements of one file."""

    def __init__(self, file: Path) -> None:
        self.file, self.elements = file, 0
        self.copies = [1]  # of what stands in each element that is open
        self.names = [""]

    def open(self, name: str, attributes: dict[str, str]) -> None:
        copies = self.copies[-1]
        own = self.count(name, attributes) if name in COUNTS else 1
        if name in CONTENTS and copies > 1:
            self.refuse(name, "in a replicate", "models that stand outside one")
        self.elements += copies * own
        if copies * own > MAX_COPIES:
            self.refuse(name, f"{copies * own:,} times", f"{MAX_COPIES:,} at most")
        if self.elements > MAX_ELEMENTS:
            self.refuse(name, f"as element {self.elements:,}", f"{MAX_ELEMENTS:,} at most, copies included")
        self.check_sizes(name, attributes)
        self.copies.append(copies * own if name == "replicate" else copies)
        self.names.append(name)

    def close(self, name: str) -> None:
        self.copies.pop()
        self.names.pop()

    def count(self, name: str, attributes: dict[str, str]) -> int:
        return max(int(math.prod(self.numbers(name, "count", attributes.get("count", "1")))), 1)

    def check_sizes(self, name: str, attributes: dict[str, str]) -> None:
        sides = [self.product(name, key, attributes.get(key, "1")) for key in PIXELS.get(name, ())]
        if math.prod(sides) > MAX_PIXELS:
            self.refuse(name, f"of {math.prod(sides):,.0f} points", f"{MAX_PIXELS:,} at most")
        for key in (*SIZES.get(name, ()), *SIZES.get(self.names[-1], ())):
            size = self.product(name, key, attributes.get(key, "1"))
            if size > MAX_SIZE.get(key, MAX_NUMBER):
                self.refuse(name, f"with {key} {size:,.0f}", f"{MAX_SIZE.get(key, MAX_NUMBER):,} at most")
        if name == "size" and _bytes(attributes.get("memory", "")) > MAX_BYTES:
            self.refuse(name, f"of {attributes['memory'][:40]} memory", f"{MAX_BYTES >> 30}G at most")

    def product(self, name: str, key: str, text: str) -> float:
        return abs(math.prod(self.numbers(name, key, text)))

    def numbers(self, name: str, key: str, text: str) -> list[float]:
        """The numbers of an attribute; each of those that MuJoCo will refuse counts as 1."""
        found = [_number(word) for word in text.split()[:100]]
        if not all(math.isfinite(x) and abs(x) < 1e18 for x in found):
            self.refuse(name, f"with {key} {text[:40]!r}", "a number that can be computed with")
        return found

    def refuse(self, name: str, got: str, expected: str) -> NoReturn:
        raise ValueError(f"{self.file} has <{name}> {got}, expected {expected}: make the model smaller")


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return 1.0


def _bytes(text: str) -> float:
    """Of a size such as `64M`."""
    text = text.strip().upper()
    return _number(text[:-1] or "1") * 2 ** UNITS[text[-1]] if text[-1:] in UNITS else _number(text)


def check_text(file: Path, text: bytes) -> None:
    """Raise ValueError for MJCF text that asks for too much. It has to be XML without entities."""
    check = _Check(file)
    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = check.open, check.close
    parser.Parse(text, True)


def check_asset(model: Path, file: Path) -> None:
    """Raise ValueError for a mesh, texture or height field that is no plain file of a size that can be loaded."""
    try:
        found = os.stat(file)
    except OSError:
        return  # MuJoCo says what is missing
    if stat.S_ISDIR(found.st_mode):
        return
    if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_FILE:
        raise ValueError(f"{model} names {file.name}, expected a plain file of at most {MAX_FILE >> 20} MiB")
    with file.open("rb") as stream:
        head = stream.read(24)
    if head.startswith(b"\x89PNG") and len(head) == 24:
        width, height = struct.unpack(">II", head[16:])
        if width * height > MAX_PIXELS:
            raise ValueError(f"{model} names {file.name}, expected a picture of at most {MAX_PIXELS:,} pixels")
