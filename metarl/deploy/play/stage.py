"""Frames as viser's scene: what has changed since the last one is sent to the browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import viser
from numpy.typing import NDArray

from envs.locomotion.decor import SKY, tile_of
from metarl.deploy.play import shapes
from metarl.deploy.play.picture import Frame, Instances, Picture, Shape, Surface, floor_colours

FOLLOW = (
    0.15  # of the way to the robot that the view moves in a frame, so that it does not shake with its steps; chosen
)
FAR = 1.0  # m; what moves further in one frame is another episode, and is followed at once
SKYLIGHT = 2.0  # so that what the sun does not reach is not black; chosen
UNIT: dict[Shape, Callable[[], shapes.Mesh]] = {
    "box": shapes.box,
    "sphere": shapes.sphere,
    "cylinder": shapes.cylinder,
    "cone": shapes.cone,
}
WORLD = "/world"
GROUND, ROBOT = f"{WORLD}/ground", f"{WORLD}/robot"


class Stage:
    """The world as nodes below `/world`, turned so that gravity points down. The robot stays in the middle and the
    ground is moved under it: the camera is left to whoever looks, and a browser that is behind still shows the robot.
    """

    def __init__(self, server: viser.ViserServer, picture: Picture) -> None:
        self.server, self.picture = server, picture
        self.world = server.scene.add_frame(WORLD, show_axes=False)
        self.ground = server.scene.add_frame(GROUND, show_axes=False)
        self.handles: dict[str, Any] = {}
        self.sent: dict[str, Instances] = {}
        self.assets: dict[int, int] = {}  # the mesh of each geom with one of its own
        self.height: float | None = None  # m, which the view follows
        self._look(picture.distance)

    def _look(self, distance: float) -> None:
        """From beside and behind, as films do; fog hides the end of the floor."""
        camera = self.server.initial_camera
        camera.position = (-0.35 * distance, -0.95 * distance, 0.45 * distance)
        camera.look_at, camera.fov = (0.0, 0.0, 0.0), 0.9
        red, green, blue = (int(255 * c) for c in SKY)
        sky = (red, green, blue)
        end = shapes.TILES // 2 * tile_of(distance)
        self.server.scene.configure_fog(0.4 * end, 0.9 * end, color=sky)
        self.server.scene.configure_environment_map(None)
        self.server.scene.add_light_hemisphere("/sky", sky_color=sky, ground_color=(150, 150, 150), intensity=SKYLIGHT)
        self.server.scene.set_background_image(np.full((2, 2, 3), sky, dtype=np.uint8))

    def show(self, frame: Frame) -> None:
        """Send a frame."""
        with self.server.atomic():
            centre = self._centre(frame)
            _move(self.world, self.world.position, frame.upright)
            _move(self.ground, -centre, self.ground.wxyz)
            for (shape, moves), parts in frame.shapes.items():
                name, parts = (f"{ROBOT}/{shape}", _from(centre, parts)) if moves else (f"{GROUND}/{shape}", parts)
                self._send(name, shape, parts)
            for shape in UNIT:
                mark = frame.marks.get(shape)
                self._send(f"{WORLD}/marks/{shape}", shape, mark and _from(centre, mark))
            for surface in frame.surfaces:
                self._send_surface(surface, centre)
            if frame.floor is not None:
                self._send_floor(*frame.floor)

    def _centre(self, frame: Frame) -> NDArray[np.float64]:
        """The place that is shown in the middle, [3] m."""
        x, y, z = frame.middle
        smooth = self.height is not None and abs(z - self.height) < FAR
        self.height = self.height + FOLLOW * (z - self.height) if smooth and self.height is not None else float(z)
        return np.array([x, y, self.height])

    def _send(self, name: str, shape: Shape, parts: Instances | None) -> None:
        """Copies of a shape: made anew where their number or what does not move differs, otherwise moved."""
        old, handle = self.sent.get(name), self.handles.get(name)
        if parts is None:
            if handle is not None:
                handle.remove()
                del self.handles[name], self.sent[name]
            return
        if old is not None and _equal(old, parts):
            return
        same = old is not None and _equal(old[2:], parts[2:])
        if handle is None or not same:
            mesh = UNIT[shape]()
            handle = self.server.scene.add_batched_meshes_simple(
                name,
                mesh.vertices,
                mesh.faces,
                batched_wxyzs=parts.wxyz.astype(np.float32),
                batched_positions=parts.position.astype(np.float32),
                batched_scales=parts.scale.astype(np.float32),
                batched_colors=parts.colour,
                flat_shading=shape == "box",
                lod="off",
            )
        else:
            handle.batched_positions = parts.position.astype(np.float32)
            handle.batched_wxyzs = parts.wxyz.astype(np.float32)
        self.handles[name], self.sent[name] = handle, parts

    def _send_surface(self, surface: Surface, centre: NDArray[np.float64]) -> None:
        name = f"{ROBOT if surface.moves else GROUND}/surface{surface.geom}"
        if self.assets.get(surface.geom) != surface.asset:
            made = shapes.height_field if surface.is_field else shapes.mesh_asset
            mesh = made(self.picture.scene.model, surface.asset)
            self.handles[name] = self.server.scene.add_mesh_simple(
                name, mesh.vertices, mesh.faces, color=surface.colour, flat_shading=surface.is_field, side="double"
            )
            self.assets[surface.geom] = surface.asset
        _move(self.handles[name], surface.position - centre * surface.moves, surface.wxyz)

    def _send_floor(self, place: NDArray[np.float64], wxyz: NDArray[np.float64]) -> None:
        """Light tiles as one plane, and dark ones over it."""
        if "floor" not in self.handles:
            side = tile_of(self.picture.distance)
            half = shapes.TILES // 2 * side
            light, dark = floor_colours()
            plane = shapes.Mesh(
                np.array([[-half, -half, 0], [half, -half, 0], [half, half, 0], [-half, half, 0]], dtype=np.float32),
                np.array([[0, 1, 2], [0, 2, 3]], dtype=np.uint32),
            )
            self.handles["floor"] = self.server.scene.add_frame(f"{GROUND}/floor", show_axes=False)
            for name, mesh, colour in (("light", plane, light), ("dark", shapes.tiles(side), dark)):
                add = self.server.scene.add_mesh_simple
                add(f"{GROUND}/floor/{name}", mesh.vertices, mesh.faces, color=colour, cast_shadow=False)
        _move(self.handles["floor"], place, wxyz)


def _equal(old: tuple[Any, ...], new: tuple[Any, ...]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(old, new, strict=True))


def _move(handle: Any, place: NDArray[np.float64], wxyz: NDArray[np.float64]) -> None:
    """Put a node somewhere, unless it is there."""
    if not np.array_equal(handle.position, place):
        handle.position = place
    if not np.array_equal(handle.wxyz, wxyz):
        handle.wxyz = wxyz


def _from(centre: NDArray[np.float64], parts: Instances) -> Instances:
    """Copies as they lie from a place."""
    return parts._replace(position=parts.position - centre)
