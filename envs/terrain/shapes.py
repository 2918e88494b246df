"""Shapes of boxes: stairs, obstacles, gaps.

Axes: `W` worlds, `K` boxes or rings of them.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from envs.terrain.boxes import BURIED, LANE, Boxes, BoxShape, rings
from envs.terrain.terrain import PAD, Surface
from envs.variables import draw_number, hashed_uniforms

FAR = 60.0  # m, where the last box ends
STEP_HEIGHT = 0.2  # m at difficulty 1: the largest common step of stairs in buildings
STEP_DEPTH = 0.31  # m (legged_gym, Rudin et al. 2022)
NUM_STEPS = 12
OBSTACLE_HEIGHT = 0.25  # m at difficulty 1 (legged_gym's)
OBSTACLES_ALONG, OBSTACLE_LANE = 20, 10.0  # number for planar robots, and within how many m; chosen: one per m
OBSTACLES_AROUND, OBSTACLE_FIELD = 60, 6.0  # for other robots; chosen: two in 5 m^2 (legged_gym: 20 in 64 m^2)
GAP_WIDTH = 0.6  # m at difficulty 1; chosen: longer than a stride of the smaller robots
PIT_DEPTH = 1.0  # m
PLANE_BELOW = 1.0  # m of the plane below the lowest step, so that no foot touches both
NUM_PLATFORMS = 12
PATCHES_ALONG, PATCHES_AROUND = 10, 40  # for planar and other robots; chosen: about half of the ground
PATCH_HEIGHT = 3e-3  # m, so that feet touch a patch and not the floor below it
LEAST_FRICTION = 0.05  # of a patch at difficulty 1, times that of the floor: wet ice


def stairs(sign: int) -> Callable[[Tensor, Tensor, bool], Boxes]:
    """Steps that rise (+1) or descend (-1) on all sides, then continue level."""

    def boxes(difficulty: Tensor, layout: Tensor, planar: bool) -> Boxes:
        height = STEP_HEIGHT * difficulty[:, None]
        step = torch.arange(NUM_STEPS + 1, dtype=torch.float64)[None].expand(len(difficulty), -1)  # 0 is the flat start
        inner = torch.where(step == 0, 0.0, PAD + (step - 1) * STEP_DEPTH)
        outer = PAD + step * STEP_DEPTH
        outer[:, -1] = FAR
        top = sign * height * step
        return rings(inner, outer, top, top.amin(1) - PLANE_BELOW, planar)

    return boxes


def stairs_surface(sign: int) -> Callable[[Tensor], Surface]:
    """The ramp through the middles of the steps, so that the height over the ground does not jump."""

    def of(difficulty: Tensor) -> Surface:
        def surface(place: Tensor) -> Tensor:
            steps = ((place.abs().amax(1) - PAD) / STEP_DEPTH + 0.5).clamp(0, NUM_STEPS)
            return sign * STEP_HEIGHT * difficulty * steps

        return surface

    return of


def obstacles(difficulty: Tensor, layout: Tensor, planar: bool) -> Boxes:
    """Blocks of 0.2 to 1 m, scattered around the start; 30 to 100 % of the full height."""
    u = uniforms(layout, num_obstacles(planar), 5)  # [W, K, 5]
    half_x, half_y = 0.1 + 0.4 * u[..., 0], 0.1 + 0.4 * u[..., 1]
    height = OBSTACLE_HEIGHT * difficulty[:, None] * (0.3 + 0.7 * u[..., 2])
    nearest = PAD + 0.5  # m to the centre of the closest block
    if planar:
        half_y = torch.full_like(half_y, LANE)
    x, y = _scattered(nearest, u, planar)
    half_z = (height / 2).clamp(min=1e-3)
    z = torch.where(height > 0, height - half_z, -BURIED)  # none at difficulty 0
    centre = torch.stack([x, y, z], 2)
    return Boxes(centre, torch.stack([half_x, half_y, half_z], 2), torch.zeros_like(difficulty))


def num_obstacles(planar: bool) -> int:
    """Number of blocks."""
    return OBSTACLES_ALONG if planar else OBSTACLES_AROUND


def gaps(difficulty: Tensor, layout: Tensor, planar: bool) -> Boxes:
    """Platforms of 0.6 to 1.4 m with gaps between them over a pit; the last one is long."""
    length = 0.6 + 0.8 * uniforms(layout, NUM_PLATFORMS, 1)[..., 0]  # [W, K]
    length[:, 0] = PAD
    gap = GAP_WIDTH * difficulty[:, None]
    inner = torch.nn.functional.pad((length + gap).cumsum(1)[:, :-1], (1, 0))
    outer = inner + length
    outer[:, -1] = FAR
    return rings(inner, outer, torch.zeros_like(inner), torch.full_like(difficulty, -PIT_DEPTH), planar)


def patches(difficulty: Tensor, layout: Tensor, planar: bool) -> Boxes:
    """Level patches of 0.6 to 1.6 m with less friction than the floor between them."""
    count = num_patches(planar)
    u = uniforms(layout, count, 5)
    half = 0.3 + 0.5 * u[..., 0]
    x, y = _scattered(PAD + 0.8, u, planar)
    thin = torch.full_like(half, PATCH_HEIGHT / 2)
    there = torch.where(difficulty > 0, 0.0, -BURIED)[:, None]  # none at difficulty 0
    centre = torch.stack([x, y, thin + there], 2)
    wide = torch.full_like(half, LANE) if planar else half
    friction = (1 - (1 - LEAST_FRICTION) * difficulty)[:, None].expand(-1, count)
    return Boxes(centre, torch.stack([half, wide, thin], 2), torch.zeros_like(difficulty), friction)


def num_patches(planar: bool) -> int:
    """Number of patches."""
    return PATCHES_ALONG if planar else PATCHES_AROUND


def _scattered(nearest: float, u: Tensor, planar: bool) -> tuple[Tensor, Tensor]:
    """Places around the start, at least `nearest` from it, from numbers in [0, 1), [W, K, 5] -> x and y, [W, K] each.

    For planar robots along their line, for others uniform over a square ring, where the density of the radius is
    proportional to it.
    """
    if planar:
        away = nearest + (OBSTACLE_LANE - nearest) * u[..., 3]
        return torch.where(u[..., 4] < 0.5, away, -away), torch.zeros_like(away)
    away = (nearest**2 + (OBSTACLE_FIELD**2 - nearest**2) * u[..., 3]).sqrt()
    around = 8 * u[..., 4]  # along the ring, whose sides have length 2
    return away * _triangle(around), away * _triangle(around - 2)


def _triangle(t: Tensor) -> Tensor:
    """A wave of period 8 that is 1 on [-1, 1], falls to -1 at 3, stays until 5: a square's x along its edge."""
    return (2 - ((t + 4) % 8 - 4).abs()).clamp(-1, 1)


def uniforms(layout: Tensor, count: int, size: int) -> Tensor:
    """Numbers in [0, 1) for every layout [W], `[W, count, size]`."""
    return hashed_uniforms(draw_number(layout), count * size).view(-1, count, size)


def _ring_boxes(count: int) -> Callable[[bool], int]:
    return lambda planar: (2 if planar else 4) * count


STAIRS_UP = BoxShape(_ring_boxes(NUM_STEPS + 1), stairs(1), stairs_surface(1), is_random=False)
STAIRS_DOWN = BoxShape(_ring_boxes(NUM_STEPS + 1), stairs(-1), stairs_surface(-1), is_random=False)
OBSTACLES = BoxShape(num_obstacles, obstacles, None, is_random=True)
PATCHES = BoxShape(num_patches, patches, None, is_random=True, is_slippery=True)
GAPS = BoxShape(_ring_boxes(NUM_PLATFORMS), gaps, None, is_random=True)
