"""Meshes are closed, wound outwards and of the right volume."""

from __future__ import annotations

from collections.abc import Callable

import mujoco
import numpy as np
import pytest

from metarl.deploy.play import shapes
from metarl.deploy.play.shapes import AROUND, Mesh


def volume(mesh: Mesh) -> float:
    """By the divergence theorem: the sum of a . (b x c) / 6 over triangles, positive where they are wound outwards."""
    a, b, c = mesh.vertices[mesh.faces].transpose(1, 0, 2).astype(float)
    return float((a * np.cross(b, c)).sum() / 6)


POLYGON = AROUND / 2 * np.sin(2 * np.pi / AROUND)  # area of the polygon that stands for the unit circle


@pytest.mark.parametrize(
    ("made", "expected", "tolerance"),
    [
        (shapes.box, 8.0, 1e-6),
        (shapes.cylinder, 2 * POLYGON, 1e-5),
        (shapes.cone, POLYGON / 3, 1e-5),
        (shapes.sphere, 4 / 3 * np.pi, 0.15),  # of flat faces: a little less
    ],
)
def test_the_volume_of_a_shape_is_known(made: Callable[[], Mesh], expected: float, tolerance: float) -> None:
    assert volume(made()) == pytest.approx(expected, abs=tolerance)


def test_half_of_the_tiles_are_dark_and_face_upwards() -> None:
    mesh = shapes.tiles(0.5)
    a, b, c = mesh.vertices[mesh.faces].transpose(1, 0, 2).astype(float)
    normal = np.cross(b - a, c - a)
    assert (normal[:, 2] > 0).all()
    assert normal[:, 2].sum() / 2 == pytest.approx((shapes.TILES * 0.5) ** 2 / 2)


FIELD = """<mujoco><asset><hfield name="h" nrow="2" ncol="3" size="2 1 0.5 0.1" elevation="0 0 0  1 1 1"/>
<mesh name="m" vertex="0 0 0  1 0 0  0 1 0  0 0 1"/></asset>
<worldbody><geom type="hfield" hfield="h"/><geom type="mesh" mesh="m"/></worldbody></mujoco>"""


def test_a_height_field_rises_as_its_model_says() -> None:
    """MuJoCo's first row lies at -y; there it is 0, at +y 0.5 m. Rays from above find the same heights."""
    model = mujoco.MjModel.from_xml_string(FIELD)
    mesh = shapes.height_field(model, 0)
    low, high = mesh.vertices[mesh.vertices[:, 1] < 0], mesh.vertices[mesh.vertices[:, 1] > 0]
    assert low[:, 2].max() != high[:, 2].max()
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    for x, y, z in mesh.vertices:
        found = np.full(1, -1, dtype=np.int32)
        start = np.array([0.99 * x, 0.99 * y, 5.0])
        way = mujoco.mj_ray(
            model, data, start, np.array([0.0, 0, -1]), np.array([1, 0, 0, 0, 0, 0], np.uint8), 1, -1, found
        )
        assert 5.0 - way == pytest.approx(z, abs=0.01)
    a, b, c = mesh.vertices[mesh.faces].transpose(1, 0, 2)
    assert (np.cross(b - a, c - a)[:, 2] > 0).all()


def test_a_mesh_of_the_model_keeps_its_volume() -> None:
    """A tetrahedron of 1/6."""
    model = mujoco.MjModel.from_xml_string(FIELD)
    assert volume(shapes.mesh_asset(model, 0)) == pytest.approx(1 / 6, abs=1e-6)
