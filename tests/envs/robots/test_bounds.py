"""Models that ask for more than a machine has are refused before MuJoCo compiles them."""

from __future__ import annotations

import os
import struct
import time
from pathlib import Path

import pytest

from envs.robots import bounds
from envs.robots.mjcf import checked

GEOM = '<geom size=".1"/>'


def _model(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "robot.xml"
    path.write_text(f"<mujoco>{text}</mujoco>")
    return path


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f'<worldbody><replicate count="100000000">{GEOM}</replicate></worldbody>', "<replicate> 100,000,000 times"),
        (
            f'<worldbody><replicate count="90"><replicate count="90">{GEOM}</replicate></replicate></worldbody>',
            "<replicate> 8,100 times, expected 5,000 at most",
        ),
        (f'<worldbody><replicate count="4000">{GEOM * 30}</replicate></worldbody>', "100,000 at most, copies included"),
        ('<worldbody><replicate count="2"><include file="a.xml"/></replicate></worldbody>', "<include> in a replicate"),
        (f'<worldbody><replicate count="1e400">{GEOM}</replicate></worldbody>', "with count '1e400'"),
        ('<worldbody><body><composite count="1000 1000 1"/></body></worldbody>', "<composite> 1,000,000 times"),
        ('<worldbody><flexcomp count="300 300 300"/></worldbody>', "<flexcomp> 27,000,000 times"),
        ('<asset><hfield name="h" size="1 1 1 1" nrow="100000" ncol="100000"/></asset>', "<hfield> of 10,000,000,000"),
        (
            '<asset><texture name="t" builtin="flat" width="99999" height="99999"/></asset>',
            "<texture> of 9,999,800,001",
        ),
        ('<asset><mesh name="m" builtin="sphere" params="100000000"/></asset>', "<mesh> with params 100,000,000"),
        ('<custom><numeric name="n" size="2000000000"/></custom>', "<numeric> with size 2,000,000,000"),
        ('<size memory="100000G"/>', "<size> of 100000G memory, expected 8G at most"),
        ('<size nuser_body="1000000000"/>', "<size> with nuser_body 1,000,000,000"),
        ('<actuator><motor joint="j" nsample="1000000000"/></actuator>', "<motor> with nsample 1,000,000,000"),
        (GEOM * 100_001, "100,000 at most"),
    ],
)
def test_what_a_model_asks_for_is_bounded(text: str, sentence: str, tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(ValueError, match=r"robot\.xml has <") as caught:
        checked(_model(tmp_path, text))
    assert sentence in str(caught.value)
    assert time.monotonic() - start < 5


def test_what_others_build_fits(tmp_path: Path) -> None:
    checked(
        _model(tmp_path, f'<size memory="64M"/><worldbody><replicate count="50">{GEOM * 20}</replicate></worldbody>')
    )
    checked(_model(tmp_path, '<asset><texture type="skybox" builtin="gradient" width="512" height="3072"/></asset>'))


@pytest.mark.parametrize("kind", ["pipe", "large", "picture"])
def test_files_of_a_model_are_plain_and_bounded(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "t.png"
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "large":
        with file.open("wb") as stream:
            stream.truncate(bounds.MAX_FILE + 1)  # sparse
    else:
        file.write_bytes(
            b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + struct.pack(">II", 60_000, 60_000) + b"\x08\x02\0\0\0"
        )
    with pytest.raises(ValueError, match=r"names t\.png, expected a"):
        checked(_model(tmp_path, '<asset><texture name="t" type="2d" file="t.png"/></asset>'))


def test_a_pipe_is_no_model(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "robot.xml")
    with pytest.raises(ValueError, match=r"robot\.xml"):
        checked(tmp_path / "robot.xml")
