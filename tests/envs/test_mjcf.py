"""Models from strangers: what they may name, and what they may not."""

from __future__ import annotations

from pathlib import Path

import mujoco
import pytest

from envs.robots import ROBOTS, Robot
from envs.robots.mjcf import MOST_BYTES, checked
from envs.robots.robot import compile_quietly

BALL = '<worldbody><body name="b"><geom size="0.1"/></body></worldbody>'
MODEL = f"<mujoco>{BALL}</mujoco>"
OUTSIDE = [
    '<include file="../secret.xml"/>',
    '<include file="{outside}/secret.xml"/>',
    '<include file="link.xml"/>',
    '<include file="linked/secret.xml"/>',
    '<include file="parts/up.xml"/>',
    '<asset><mesh name="m" file="../m.stl"/></asset>',
    '<asset><mesh name="m" file="/etc/passwd"/></asset>',
    '<compiler meshdir=".."/><asset><mesh name="m" file="m.stl"/></asset>',
    '<compiler meshdir="/etc"/><asset><mesh name="m" file="passwd"/></asset>',
    '<compiler assetdir="linked"/>',
    '<compiler texturedir="../../"/>',
    '<compiler meshdir="parts"/><asset><mesh name="m" file="../../m.stl"/></asset>',
    '<asset><texture name="t" type="cube" fileup="../up.png"/></asset>',
    '<asset><hfield name="h" size="1 1 1 1" file="../h.png"/></asset>',
    '<asset><skin name="s" file="../s.skn"/></asset>',
    '<asset><model name="o" file="../secret.xml"/></asset>',
    '<asset><model name="o" file="parts/model.xml"/></asset>',
]
BROKEN = {
    "entities": '<!DOCTYPE mujoco [<!ENTITY a "x"><!ENTITY b "&a;&a;">]><mujoco model="&b;"/>',
    "external entity": '<!DOCTYPE mujoco SYSTEM "file:///etc/passwd"><mujoco/>',
    "a document type": f"<!DOCTYPE mujoco>{MODEL}",
    "no XML": "\x80\x04\x95",
    "half of it": MODEL[:30],
    "nothing": "",
    "another format": '<robot name="r"><link name="l"/></robot>',
    "too many files": "<mujoco><asset>"
    + "".join(f'<mesh file="m{i}.stl"/>' for i in range(1001))
    + "</asset></mujoco>",
    "too long": "<mujoco>" + " " * MOST_BYTES + "</mujoco>",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for models, beside which something lies that is none of theirs."""
    (tmp_path / "secret.xml").write_text(MODEL)
    own = tmp_path / "own"
    (own / "parts").mkdir(parents=True)
    (own / "link.xml").symlink_to(tmp_path / "secret.xml")
    (own / "linked").symlink_to(tmp_path)
    (own / "parts" / "up.xml").write_text('<mujocoinclude><include file="../../secret.xml"/></mujocoinclude>')
    (own / "parts" / "model.xml").write_text('<mujoco><asset><mesh file="/etc/passwd"/></asset></mujoco>')
    return own


def body_of(path: Path) -> type[Robot]:
    return type("Own", (Robot,), {"model_file": path, "frame_skip": 1})


@pytest.mark.parametrize("inside", OUTSIDE)
def test_a_model_that_reaches_out_of_its_folder_is_refused(folder: Path, inside: str) -> None:
    path = folder / "model.xml"
    path.write_text(f"<mujoco>{inside.format(outside=folder.parent)}{BALL}</mujoco>")
    with pytest.raises(ValueError, match=f"expected files within {folder}"):
        body_of(path).spec()


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_what_is_no_model_is_refused_in_a_sentence(folder: Path, text: str) -> None:
    path = folder / "model.xml"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match=r"model\.xml") as caught:
        body_of(path).spec()
    assert "\n" not in str(caught.value)
    assert "expected" in str(caught.value) or ": " in str(caught.value)


def test_no_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.xml cannot be read: No such file"):
        checked(tmp_path / "none.xml")


def test_includes_and_meshes_within_the_folder_are_read(folder: Path) -> None:
    """An include that includes, and a mesh by way of its folder; a circle of includes is MuJoCo's to refuse."""
    path = folder / "model.xml"
    path.write_text(f'<mujoco><compiler meshdir="parts"/><include file="parts/more.xml"/>{BALL}</mujoco>')
    (folder / "parts" / "more.xml").write_text('<mujocoinclude><include file="parts/mesh.xml"/></mujocoinclude>')
    (folder / "parts" / "mesh.xml").write_text('<mujocoinclude><asset><mesh file="m.obj"/></asset></mujocoinclude>')
    (folder / "parts" / "m.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 2 3\nf 1 2 4\nf 1 3 4\nf 2 3 4\n")
    assert body_of(path).spec().compile().nmesh == 1
    (folder / "parts" / "mesh.xml").write_text('<mujocoinclude><include file="parts/more.xml"/></mujocoinclude>')
    assert checked(path) == path
    with pytest.raises(ValueError, match="include"):
        mujoco.MjSpec.from_file(str(path))


def test_every_body_of_ours_passes() -> None:
    for robot in ROBOTS.values():
        assert compile_quietly(robot.spec("gymnasium" if robot.gymnasium_id else "fast")).nu > 0
