"""Ground made of boxes, whose positions and sizes differ between worlds.

Axes: `W` worlds, `K` boxes or rings of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import mujoco
import torch
from torch import Tensor

from envs.anatomy.added import add_geom
from envs.core import Task
from envs.simulation.params import Params
from envs.terrain.terrain import TERRAIN, Heights, Site, Surface, like_floor, share_exclusions
from envs.variations.friction import scale_contacts

LANE = 0.5  # m, half width of the boxes for planar robots: narrow, so that a camera sees them from the side
BURIED = 20.0  # m below the floor, for boxes that a world does not use
HAIR = 1e-6  # m by which the floor is moved off its origin


class Boxes(NamedTuple):
    """Boxes of each world, and the height of the plane below them."""

    centre: Tensor  # [W, K, 3]
    half: Tensor  # [W, K, 3] half sizes
    plane: Tensor  # [W]
    friction: Tensor | None = None  # [W, K] times that of the floor; None: the floor's


class BoxShape(NamedTuple):
    """One kind of ground: the number of its boxes, where they lie, and its nominal height."""

    num_boxes: Callable[[bool], int]  # planar -> K
    boxes: Callable[[Tensor, Tensor, bool], Boxes]  # difficulty [W], layout [W], planar
    surface: Callable[[Tensor], Surface] | None  # difficulty [W] -> heights; None where it is nominally flat
    is_random: bool
    is_slippery: bool = False  # whether its boxes have a friction of their own


def rings(inner: Tensor, outer: Tensor, top: Tensor, plane: Tensor, planar: bool) -> Boxes:
    """Square rings from half width `inner` to `outer` [W, K] whose tops lie at `top` [W, K].

    A ring is four boxes, or for planar robots the two along x. Boxes reach down to the plane.
    Where `inner` is 0 two of them make the whole square, and the other two are buried.
    """
    middle, thick = (inner + outer) / 2, (outer - inner) / 2
    height = (top - plane[:, None]) / 2
    zero, wide = torch.zeros_like(middle), torch.full_like(middle, LANE) if planar else outer
    sides = [(middle, zero, top - height, thick, wide), (-middle, zero, top - height, thick, wide)]
    if not planar:
        narrow = inner.clamp(min=1e-2)
        level = torch.where(inner > 0, top - height, plane[:, None] - BURIED)
        sides += [(zero, middle, level, narrow, thick), (zero, -middle, level, narrow, thick)]
    centre = torch.cat([torch.stack([x, y, z], 2) for x, y, z, _, _ in sides], 1)
    half = torch.cat([torch.stack([a, b, height], 2) for _, _, _, a, b in sides], 1)
    return Boxes(centre, half, plane)


class BoxTerrain:
    """A ground of boxes; `name` is the variable that holds its difficulty."""

    def __init__(self, name: str, shape: BoxShape, planar: bool) -> None:
        self.name, self.shape, self.planar = name, shape, planar
        self.count = shape.num_boxes(planar)

    def prepare(self, spec: mujoco.MjSpec, site: Site | None) -> None:
        if site is None:
            raise ValueError(f"{self.name} replaces the floor, but the model has none: add a plane")
        highest = max(geom.priority for geom in spec.geoms)
        for i in range(self.count):
            geom = add_geom(
                spec.worldbody, name=f"{TERRAIN}{i}", type=mujoco.mjtGeom.mjGEOM_BOX, size=[1, 1, 1], pos=[0, 0, -10]
            )
            like_floor(geom, spec, site.floor)
            if self.shape.is_slippery:  # so that the friction of the ground holds, not that of the feet on it
                geom.priority = highest + 1
        # MuJoCo treats a geom compiled at its body's origin as fixed there: neither boxes nor plane may be
        site.lower(HAIR)
        share_exclusions(spec, site.floor)

    def boxes(self, task: Task) -> Boxes:
        """The boxes of every world."""
        difficulty = task[self.name]
        layout = task["layout"] if self.shape.is_random else torch.zeros_like(difficulty)
        return self.shape.boxes(difficulty, layout, self.planar)

    def apply(self, params: Params, task: Task) -> None:
        boxes = self.boxes(task)
        floor, (x, y, z) = params.anatomy.floor, params.anatomy.start
        assert floor is not None
        first = params.model.geom(f"{TERRAIN}0").id
        mine = slice(first, first + boxes.centre.shape[1])
        params["geom_pos"][:, mine] = boxes.centre + torch.tensor([x, y, z], dtype=torch.float64)
        params["geom_size"][:, mine] = boxes.half
        if boxes.friction is not None:
            _scale_friction(params, first, boxes.friction)
        params["geom_pos"][:, floor.geom] += boxes.plane[:, None] * torch.tensor(floor.up, dtype=torch.float64)

    def heights(self, task: Task) -> Heights:
        boxes = self.boxes(task)
        sides = torch.cat([boxes.centre - boxes.half, boxes.centre + boxes.half], 2).float()  # [W, K, 6]
        plane = boxes.plane.float()[:, None]

        def heights(place: Tensor) -> Tensor:
            x, y = place.float()[..., None].unbind(2)  # [W, H, 1]
            near = sides if place.is_cuda else _reached(sides, x, y)  # a GPU would wait for their number
            low_x, low_y, _, high_x, high_y, top = near[:, None].unbind(3)  # [W, 1, K]
            on = (x >= low_x) & (x <= high_x) & (y >= low_y) & (y <= high_y)
            highest = torch.where(on, top, -torch.inf).amax(2)
            return torch.maximum(highest, plane).to(place)

        return heights

    def surface(self, task: Task) -> Surface | None:
        return self.shape.surface(task[self.name]) if self.shape.surface else None


def _reached(sides: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Of boxes, given by their sides [W, K, 6], those in the rectangle around the places of a world, and some others:
    as many of every world as that are at most.
    """
    low_x, low_y, _, high_x, high_y, _ = sides.unbind(2)  # [W, K]
    along = (low_x <= x.amax(1)) & (high_x >= x.amin(1))
    reached = along & (low_y <= y.amax(1)) & (high_y >= y.amin(1))
    most = max(int(reached.sum(1).max()), 1)
    chosen = reached.float().topk(most, dim=1).indices  # [W, most]
    return sides.gather(1, chosen[..., None].expand(-1, -1, 6))


def _scale_friction(params: Params, first: int, friction: Tensor) -> None:
    """Multiply the friction of the boxes, geoms from `first` on, by factors [W, K]."""
    model, count = params.model, friction.shape[1]
    factors = friction.new_ones(len(friction), model.ngeom + model.npair)
    factors[:, first : first + count] = friction
    for pair in range(model.npair):
        own = [g - first for g in (model.pair_geom1[pair], model.pair_geom2[pair]) if first <= g < first + count]
        if own:
            factors[:, model.ngeom + pair] = friction[:, own[0]]
    scale_contacts(params, factors)
