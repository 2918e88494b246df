"""Ground of boxes whose kind differs between worlds: stairs up, stairs down, obstacles, gaps or slippery patches."""

from __future__ import annotations

import torch
from torch import Tensor

from envs.core import Task
from envs.terrain.boxes import BURIED, Boxes, BoxTerrain
from envs.terrain.shapes import GAPS, OBSTACLES, PATCHES, STAIRS_DOWN, STAIRS_UP
from envs.terrain.terrain import Surface

SHAPES = (STAIRS_UP, STAIRS_DOWN, OBSTACLES, GAPS, PATCHES)  # in the order of `envs.variations.ground.KINDS`


class MixedTerrain(BoxTerrain):
    """A ground of one of `SHAPES` in each world, by the number `ground`; `difficulty` holds how hard it is."""

    def __init__(self, planar: bool) -> None:
        super().__init__("ground", PATCHES, planar)
        self.count = max(shape.num_boxes(planar) for shape in SHAPES)

    def boxes(self, task: Task) -> Boxes:
        kind, difficulty, layout = task["ground"], task["difficulty"], task["layout"]
        chosen = [_padded(shape.boxes(difficulty, layout, self.planar), self.count) for shape in SHAPES]
        return Boxes(*(_of_kind(kind, parts) for parts in zip(*chosen, strict=True)))

    def surface(self, task: Task) -> Surface | None:
        kind, difficulty = task["ground"], task["difficulty"]
        surfaces = [shape.surface(difficulty) if shape.surface else None for shape in SHAPES]

        def surface(place: Tensor) -> Tensor:
            level = torch.zeros_like(place[:, 0])
            return _of_kind(kind, [level if each is None else each(place) for each in surfaces])

        return surface


def _padded(boxes: Boxes, count: int) -> Boxes:
    """The same with further boxes, buried, up to `count`."""
    missing = count - boxes.centre.shape[1]
    centre = torch.nn.functional.pad(boxes.centre, (0, 0, 0, missing))
    centre[:, count - missing :, 2] = -BURIED
    half = torch.nn.functional.pad(boxes.half, (0, 0, 0, missing), value=1.0)
    own = torch.ones_like(boxes.centre[..., 0]) if boxes.friction is None else boxes.friction
    return Boxes(centre, half, boxes.plane, torch.nn.functional.pad(own, (0, missing), value=1.0))


def _of_kind(kind: Tensor, parts: list[Tensor] | tuple[Tensor, ...]) -> Tensor:
    """Of each world [W] the part of its kind: parts [W, ...] -> [W, ...]."""
    every = torch.stack(list(parts))  # [kinds, W, ...]
    return every[kind.long().to(every.device), torch.arange(every.shape[1], device=every.device)]
