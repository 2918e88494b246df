"""Meshes of MuJoCo's geoms: unit shapes that are scaled, height fields, the pattern of a floor.

Axes: `V` vertices, `F` triangles.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray

AROUND = 24  # corners of a round shape; chosen
TILES = 32  # of a floor, along a side; chosen
LIFT = 0.002  # m by which dark tiles lie over light ones, so that neither flickers


class Mesh(NamedTuple):
    """Triangles, counter-clockwise from outside."""

    vertices: NDArray[np.float32]  # [V, 3] m
    faces: NDArray[np.uint32]  # [F, 3]


def box() -> Mesh:
    """From -1 to 1 along each axis; every side has corners of its own, so that edges are sharp."""
    vertices: list[NDArray[np.float64]] = []
    faces: list[list[int]] = []
    for axis in range(3):
        u, v = np.eye(3)[(axis + 1) % 3], np.eye(3)[(axis + 2) % 3]
        for sign in (1.0, -1.0):
            out = sign * np.eye(3)[axis]
            ring = [out - u - v, out + sign * (u - v), out + u + v, out - sign * (u - v)]
            faces += [[len(vertices) + k for k in corner] for corner in ((0, 1, 2), (0, 2, 3))]
            vertices += ring
    return _mesh(vertices, faces)


def sphere() -> Mesh:
    """Of radius 1."""
    rows = AROUND // 2
    polar = np.linspace(0, np.pi, rows + 1)
    return _turned(np.sin(polar), np.cos(polar))


def cylinder() -> Mesh:
    """Of radius 1, from -1 to 1 along z, with ends."""
    return _turned(np.array([0.0, 1.0, 1.0, 1.0, 1.0, 0.0]), np.array([1.0, 1.0, 1.0, -1.0, -1.0, -1.0]))


def cone() -> Mesh:
    """Of radius 1 at z = 0, its tip at z = 1."""
    return _turned(np.array([0.0, 1.0, 1.0, 0.0]), np.array([1.0, 0.0, 0.0, 0.0]))


def _turned(radius: NDArray[np.float64], height: NDArray[np.float64]) -> Mesh:
    """A line turned about z, from the top down; a point that is given twice is an edge."""
    angle = 2 * np.pi * np.arange(AROUND) / AROUND
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)  # [AROUND, 2]
    xy = radius[:, None, None] * circle  # [rows, AROUND, 2]
    z = np.broadcast_to(height[:, None, None], (len(height), AROUND, 1))
    faces = []
    for row in np.flatnonzero((np.diff(radius) != 0) | (np.diff(height) != 0)):
        for i in range(AROUND):
            j = (i + 1) % AROUND
            a, b, c, d = row * AROUND + i, row * AROUND + j, (row + 1) * AROUND + i, (row + 1) * AROUND + j
            faces += [[a, c, d], [a, d, b]]
    return _mesh(np.concatenate([xy, z], 2).reshape(-1, 3), faces)


def tiles(side: float) -> Mesh:
    """Every other tile of a floor around the origin, a little above it. side: of a tile, m."""
    at = np.arange(TILES) - TILES // 2
    x, y = np.meshgrid(at, at, indexing="ij")
    dark = (x + y) % 2 == 0
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    xy = side * (np.stack([x[dark], y[dark]], 1)[:, None] + corners)  # [tiles, 4, 2]
    first = 4 * np.arange(len(xy))[:, None, None]
    faces = first + np.array([[0, 1, 2], [0, 2, 3]])
    return _mesh(np.insert(xy, 2, LIFT, axis=2).reshape(-1, 3), faces.reshape(-1, 3))


def height_field(model: mujoco.MjModel, field: int) -> Mesh:
    """The surface of a height field in the frame of its geom."""
    rows, columns = int(model.hfield_nrow[field]), int(model.hfield_ncol[field])
    wide, deep, high, _ = model.hfield_size[field]
    start = int(model.hfield_adr[field])
    z = high * model.hfield_data[start : start + rows * columns]
    x, y = np.meshgrid(np.linspace(-wide, wide, columns), np.linspace(-deep, deep, rows))
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).reshape(-1, 1)
    near, far = (corner + np.array(three) for three in ([0, 1, columns + 1], [0, columns + 1, columns]))
    return _mesh(np.stack([x.ravel(), y.ravel(), z], 1), np.concatenate([near, far]))


def mesh_asset(model: mujoco.MjModel, mesh: int) -> Mesh:
    """A mesh of the model in the frame of its geoms."""
    vertex, face = int(model.mesh_vertadr[mesh]), int(model.mesh_faceadr[mesh])
    vertices = model.mesh_vert[vertex : vertex + int(model.mesh_vertnum[mesh])]
    return _mesh(vertices, model.mesh_face[face : face + int(model.mesh_facenum[mesh])])


def _mesh(vertices: Any, faces: Any) -> Mesh:
    return Mesh(np.array(vertices, dtype=np.float32), np.array(faces, dtype=np.uint32))
