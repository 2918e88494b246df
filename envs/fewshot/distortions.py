"""Affine distortions of drawings (Koch, Zemel, Salakhutdinov 2015, section 3.2).

A drawing is rotated, sheared along x and y, scaled along x and y, and translated along x and y, about its centre; each
of the seven with probability one half. The paper gives the shear without a unit: here it is a slope, so that 0.3 moves
the edge by 0.3 of its distance from the centre. It gives translations in pixels of 105, which are scaled with the
drawing.

Axes: `M` drawings, `H` x `H` pixels.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

ANGLE, SHEAR, SCALE, MOVE = math.radians(10), 0.3, 0.2, 2 / 105  # rad, slope, fraction, fraction of the side
COMPONENTS = 7  # angle, two shears, two scales, two translations


def sample_components(uniforms: Tensor) -> Tensor:
    """Numbers in [0, 1) [M, 7] to angle, shear x, shear y, scale x, scale y, move x, move y, [M, 7].

    A uniform below 0.5 leaves a component out; above, it is mapped to an amount from -1 to 1.
    """
    amount = torch.where(uniforms < 0.5, 0.0, 4 * uniforms - 3)
    reach = torch.tensor([ANGLE, SHEAR, SHEAR, SCALE, SCALE, MOVE, MOVE], dtype=uniforms.dtype)
    rest = torch.tensor([0, 0, 0, 1, 1, 0, 0], dtype=uniforms.dtype)
    return rest + amount * reach


def to_matrices(components: Tensor) -> Tensor:
    """Components [M, 7] to [M, 2, 3]: first the scale, then shear, rotation and translation; y points down.

    A translation of 1 is the whole side, which is 2 in image coordinates from -1 to 1.
    """
    angle, shear_x, shear_y, scale_x, scale_y, move_x, move_y = components.unbind(-1)
    one = torch.ones_like(angle)
    turn = _matrix(angle.cos(), -angle.sin(), angle.sin(), angle.cos())
    shear = _matrix(one, shear_x, shear_y, one)
    scale = torch.diag_embed(torch.stack([scale_x, scale_y], -1))
    return torch.cat([turn @ shear @ scale, 2 * torch.stack([move_x, move_y], -1)[..., None]], -1)


def distort(x: Tensor, matrices: Tensor) -> Tensor:
    """Drawings [M, 1, H, H], each with its own map [M, 2, 3]; pixels from outside are 0."""
    linear, move = matrices[..., :2], matrices[..., 2:]
    back = torch.linalg.inv(linear)  # where a pixel of the result comes from
    grid = F.affine_grid(torch.cat([back, -back @ move], -1).to(x), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _matrix(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """[[a, b], [c, d]] for each drawing, [M, 2, 2]."""
    return torch.stack([torch.stack([a, b], -1), torch.stack([c, d], -1)], -2)
