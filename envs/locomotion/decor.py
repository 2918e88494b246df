"""What a film adds to a model: a floor on which motion is seen, a sky, a sun, distance posts. It moves nothing.

Lengths are in units of the distance of the camera, so that robots of every size are shown alike.
"""

from __future__ import annotations

from collections.abc import Iterable

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.anatomy.added import add_geom
from envs.anatomy.names import PREFIX, TERRAIN

Colour = tuple[float, float, float]
Geom = mujoco.mjtGeom

FLOOR, HILLS, STEPS = (0.62, 0.72, 0.66), (0.72, 0.66, 0.57), ((0.62, 0.58, 0.52), (0.78, 0.74, 0.66))
SKY = (0.80, 0.88, 0.97)  # also that of the fog, into which the floor fades
PIXELS = 256  # of a tile of the pattern
REACH = 60  # camera distances to which a plane is drawn
POSTS = 6  # on either side of the robot
SUN = (0.22, 0.18, -1.0)  # the direction in which it shines
_TILES = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)  # m


def tile_of(distance: float) -> float:
    """Side of a tile in m: a round number near a quarter of the distance of the camera."""
    return min(_TILES, key=lambda tile: abs(np.log(tile / (distance / 4))))


def decorate(spec: mujoco.MjSpec, floor: mujoco.MjsGeom | None, distance: float) -> None:
    """Add scenery to an editable model; indices of what it has are kept. Without a floor none is drawn."""
    _light(spec)
    _add_sky(spec)
    material, softer = (_add_pattern(spec, tile_of(distance), contrast) for contrast in (1.0, 0.4))
    if floor is not None:
        _paint(floor, material, FLOOR)
        if floor.type == Geom.mjGEOM_PLANE:
            floor.size = [REACH * distance, REACH * distance, 3 * distance]
    for geom in spec.worldbody.geoms:
        if geom.name.startswith(TERRAIN):
            if geom.type == Geom.mjGEOM_HFIELD:
                _paint(geom, material, HILLS)
            else:  # so that the edges of steps are what is seen most
                _paint(geom, softer, STEPS[int(geom.name.removeprefix(TERRAIN)) % 2])
    if floor is not None:
        _add_posts(spec, distance)


def set_scale(model: mujoco.MjModel, distance: float) -> None:
    """Clipping, fog and shadows for a camera at a distance in m, whatever the size of the model."""
    model.stat.extent = distance
    model.vis.map.znear, model.vis.map.zfar = 0.01, 2000.0  # a deep shadow map, or surfaces shadow themselves
    model.vis.map.shadowclip = 0.8
    model.vis.map.fogstart, model.vis.map.fogend = 4.0, 0.5 * REACH
    model.vis.rgba.fog[:] = (*SKY, 1.0)


def free_name(wanted: str, taken: Iterable[str]) -> str:
    """The name, or with as many underscores behind it as make it one that is not taken."""
    known = set(taken)
    while wanted in known:
        wanted += "_"
    return wanted


def _paint(geom: mujoco.MjsGeom, material: str, colour: Colour) -> None:
    geom.material, geom.rgba, geom.group = material, [*colour, 1.0], 0  # groups above 2 are not drawn


def _light(spec: mujoco.MjSpec) -> None:
    """Lights of our own instead of the model's, so that no floor is overexposed or dark."""
    for light in spec.lights:
        light.active = False
    spec.visual.headlight.active = 1
    spec.visual.headlight.ambient, spec.visual.headlight.diffuse = [0.55] * 3, [0.25] * 3
    spec.visual.headlight.specular = [0.05] * 3
    spec.visual.quality.shadowsize, spec.visual.quality.offsamples = 1024, 0  # more of either is slow without a GPU
    spec.worldbody.add_light(
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
        dir=SUN,
        castshadow=True,
        ambient=[0.0] * 3,
        diffuse=[0.35] * 3,
        specular=[0.05] * 3,
    )


def _add_sky(spec: mujoco.MjSpec) -> None:
    for texture in list(spec.textures):
        if texture.type == mujoco.mjtTexture.mjTEXTURE_SKYBOX:
            spec.delete(texture)
    spec.add_texture(
        name=free_name(f"{PREFIX}sky", (t.name for t in spec.textures)),
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        width=256,
        height=256,
        rgb1=[0.42, 0.60, 0.86],
        rgb2=SKY,
    )


def _add_pattern(spec: mujoco.MjSpec, tile: float, contrast: float) -> str:
    """The name of a material of tiles with a side of `tile` m."""
    pixels = pattern(contrast)
    texture = spec.add_texture(
        name=free_name(f"{PREFIX}tiles", (t.name for t in spec.textures)),
        type=mujoco.mjtTexture.mjTEXTURE_2D,
        width=pixels.shape[1],
        height=pixels.shape[0],
        nchannel=3,
    )
    texture.data = pixels.tobytes()
    name = free_name(f"{PREFIX}tiles", (m.name for m in spec.materials))
    material = spec.add_material(name=name, texrepeat=[0.5 / tile, 0.5 / tile], texuniform=True, specular=0.0)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = texture.name
    return name


def pattern(contrast: float) -> NDArray[np.uint8]:
    """Two by two tiles with dark joints, each of four by four smaller ones, so that motion is seen inside a tile."""
    at = np.arange(2 * PIXELS)
    large, small = at // PIXELS, at // (PIXELS // 4)
    bright = np.where((large[:, None] + large) % 2, 1.0, 0.74) + np.where((small[:, None] + small) % 2, 0.0, -0.11)
    joint = np.minimum(at % PIXELS, PIXELS - 1 - at % PIXELS) < PIXELS // 100
    bright[joint] = bright[:, joint] = 0.45
    grey = (255 * (1 - contrast * (1 - bright))).round().astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, 2)  # [rows, columns, 3]


def post_spacing(distance: float) -> float:
    """Metres between two posts: five tiles, which is a whole number of half periods of the pattern."""
    return 5 * tile_of(distance)


def _add_posts(spec: mujoco.MjSpec, distance: float) -> None:
    """A post at the start, and posts around the robot, on a body of their own that is the last, so that other indices
    are kept.
    """
    start, others = spec.worldbody.add_body(), spec.worldbody.add_body()
    _add_post(start, 0.0, 0.13 * distance, distance, [0.25, 0.32, 0.45, 1])
    for i in range(-POSTS, POSTS + 1):
        _add_post(others, i * post_spacing(distance), 0.08 * distance, distance, [0.96, 0.96, 0.96, 1])


def _add_post(body: mujoco.MjsBody, x: float, half_height: float, distance: float, rgba: list[float]) -> None:
    add_geom(
        body,
        type=Geom.mjGEOM_CYLINDER,
        size=[0.1 * half_height + 0.003 * distance, half_height, 0],
        pos=[x, 0.4 * distance, half_height],
        rgba=rgba,
        contype=0,
        conaffinity=0,
        mass=0,
    )
