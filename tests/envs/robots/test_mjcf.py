"""Untrusted models: which files they may name."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import mujoco
import pytest

from envs.robots import ROBOTS
from envs.robots.mjcf import MOST_BYTES, _trusted, checked, trust
from envs.robots.robot import Robot, compile_quietly

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
    '<asset><mesh name="m" file="..\\m.obj"/></asset>',
    '<asset><mesh name="m" file="parts\\..\\..\\m.obj"/></asset>',
    '<include file="..\\secret.xml"/>',
    '<compiler meshdir="..\\"/><asset><mesh name="m" file="m.obj"/></asset>',
    '<compiler strippath="true"/><asset><mesh name="m" file="parts/link.obj"/></asset>',
    '<asset><mesh name="m" file="inner/../link.obj"/></asset>',
    '<asset><mesh name="m" file="link.obj"/></asset>',
    '<asset><mesh name="m" file="li\nnk.obj"/></asset>',
    '<worldbody><body><flexcomp name="f" type="mesh" file="..\\m.obj"/></body></worldbody>',
]
ARCHIVED = ['<include file="a.zip/inc.xml"/>', '<asset><model name="o" file="a.mjz/model.xml"/></asset>']
BROKEN = {  # what it says: the text
    "declares a document type or entities": '<!DOCTYPE mujoco [<!ENTITY a "x">]><mujoco model="&a;"/>',
    "declares a document type or entities,": '<!DOCTYPE mujoco SYSTEM "file:///etc/passwd"><mujoco/>',
    "declares a document type": f"<!DOCTYPE mujoco>{MODEL}",
    "is not XML .not well-formed": "\x80\x04\x95",
    "is not XML .unclosed token": MODEL[:30],
    "is not XML .no element found": "",
    "begins with <robot>, expected an MJCF model": '<robot name="r"><link name="l"/></robot>',
    "names too many files": "<mujoco>" + "".join(f'<mesh file="m{i}.stl"/>' for i in range(20_001)) + "</mujoco>",
    "exceed 64 MiB of text": "<mujoco>" + " " * MOST_BYTES + "</mujoco>",
    "which is not a valid path: .*[Ll]oop": '<mujoco><include file="loop.xml"/></mujoco>',
    "which is not a valid path: .*too long": f'<mujoco><include file="{"a" * 300}.xml"/></mujoco>',
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for models, with a file beside it that they must not read."""
    (tmp_path / "secret.xml").write_text(MODEL)
    own = tmp_path / "own"
    (own / "parts").mkdir(parents=True)
    (own / "link.xml").symlink_to(tmp_path / "secret.xml")
    (own / "loop.xml").symlink_to(own / "loop.xml")
    (own / "link.obj").symlink_to(tmp_path / "m.obj")
    (own / "inner").symlink_to(own / "parts")
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
    with pytest.raises(ValueError, match="expected files within"):
        body_of(path).spec()


@pytest.mark.parametrize("inside", ARCHIVED)
def test_models_within_archives_are_refused(folder: Path, inside: str) -> None:
    """MuJoCo would open the archive, whose content is not checked."""
    for name in ("a.zip", "a.mjz"):
        with zipfile.ZipFile(folder / name, "w") as archive:
            archive.writestr("inc.xml", '<mujocoinclude><include file="../secret.xml"/></mujocoinclude>')
            archive.writestr("model.xml", MODEL)
    path = folder / "model.xml"
    path.write_text(f"<mujoco>{inside}{BALL}</mujoco>")
    with pytest.raises(ValueError, match="which does not exist"):
        body_of(path).spec()


@pytest.mark.parametrize(("said", "text"), BROKEN.items(), ids=range(len(BROKEN)))
def test_files_that_are_no_models_are_refused_in_one_sentence(folder: Path, said: str, text: str) -> None:
    path = folder / "model.xml"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match=rf"model\.xml.* ?{said}") as caught:
        body_of(path).spec()
    assert "\n" not in str(caught.value)


def test_a_link_to_a_model_is_that_model(folder: Path) -> None:
    """Its files are searched beside the model, by the check and by MuJoCo."""
    own = folder / "parts" / "real.xml"
    own.write_text(f'<mujoco><include file="more.xml"/>{BALL}</mujoco>')
    (folder / "parts" / "more.xml").write_text('<mujocoinclude><option timestep="0.5"/></mujocoinclude>')
    (folder / "linked.xml").symlink_to(own)
    assert checked(folder / "linked.xml") == own
    assert body_of(folder / "linked.xml").spec().compile().opt.timestep == 0.5


def test_a_long_chain_of_includes_is_checked_quickly(folder: Path) -> None:
    for i in range(100):
        (folder / f"c{i}.xml").write_text(f'<mujocoinclude><include file="c{i + 1}.xml"/></mujocoinclude>')
    (folder / "c100.xml").write_text('<mujocoinclude><include file="../secret.xml"/></mujocoinclude>')
    with pytest.raises(ValueError, match="expected files within"):
        checked(folder / "c0.xml")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.xml cannot be read: No such file"):
        checked(tmp_path / "none.xml")


def test_includes_and_meshes_within_the_folder_are_read(folder: Path) -> None:
    """An include that includes, and a mesh by way of its folder; MuJoCo itself refuses circular includes."""
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


def test_every_robot_of_this_project_passes() -> None:
    for robot in ROBOTS.values():
        assert compile_quietly(robot.spec("gymnasium" if robot.gymnasium_id else "fast")).nu > 0


@pytest.fixture
def trusted(tmp_path: Path) -> Iterator[Path]:
    """A trusted folder with a robot in one folder below it and its mesh in another."""
    (tmp_path / "all" / "robot").mkdir(parents=True)
    (tmp_path / "all" / "assets").mkdir()
    trust(tmp_path / "all")
    yield tmp_path / "all"
    _trusted.clear()


def test_within_a_trusted_folder_names_may_climb(trusted: Path) -> None:
    (trusted / "assets" / "more.xml").write_text(f"<mujocoinclude>{BALL}</mujocoinclude>")
    path = trusted / "robot" / "model.xml"
    path.write_text('<mujoco><include file="../assets/more.xml"/></mujoco>')
    assert checked(path) == path
    _trusted.clear()
    with pytest.raises(ValueError, match="with --trust-models FOLDER"):
        checked(path)


@pytest.mark.parametrize("name", ["../../secret.xml", "../robot/../../secret.xml", "../link/../secret.xml"])
def test_nothing_outside_a_trusted_folder_is_read(trusted: Path, name: str) -> None:
    """Also by way of a link, whether `..` is taken before the link is followed or after it."""
    (trusted.parent / "secret.xml").write_text("<mujocoinclude/>")
    (trusted.parent / "deep").mkdir()
    (trusted / "link").symlink_to(trusted.parent / "deep")
    (trusted / "secret.xml").write_text("<mujocoinclude/>")
    path = trusted / "robot" / "model.xml"
    path.write_text(f'<mujoco><include file="{name}"/>{BALL}</mujoco>')
    with pytest.raises(ValueError, match="expected files within"):
        checked(path)


def test_only_a_folder_can_be_trusted(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not a folder"):
        trust(tmp_path / "none")


def test_a_pipe_is_no_model(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.xml")
    with pytest.raises(ValueError, match="is not a plain file"):
        checked(tmp_path / "pipe.xml")
