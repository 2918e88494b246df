"""Distorted drawings: against scipy and by hand; test tasks are never distorted."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from envs.core import Tasks
from envs.fewshot import glyphs
from envs.fewshot.distortions import COMPONENTS, distort, sample_components, to_matrices
from envs.fewshot.episodes import FewShotImages
from envs.fewshot.images import ImageSet

REST = [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0]  # angle, shears, scales, translations


def changed(**parts: float) -> Tensor:
    """The matrix of one drawing with some components; others have no effect."""
    names = ("angle", "shear_x", "shear_y", "scale_x", "scale_y", "move_x", "move_y")
    return to_matrices(torch.tensor([[parts.get(n, rest) for n, rest in zip(names, REST, strict=True)]]))


def corner() -> Tensor:
    """A drawing of 8 x 8 with ink at the left end of the top row, and below it: row, column."""
    x = torch.zeros(1, 1, 8, 8)
    x[0, 0, 0, 0] = x[0, 0, 1, 0] = 1.0
    return x


def ink(x: Tensor) -> list[list[int]]:
    """Rows and columns of the ink."""
    return (x[0, 0] > 0.5).nonzero().tolist()


def test_a_quarter_turn_equals_rot90_and_no_components_change_nothing() -> None:
    x = torch.rand(1, 1, 9, 9, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(distort(x, changed()), x, atol=1e-6)
    turned = distort(x, changed(angle=math.pi / 2))  # x to the right goes to y, which points down: clockwise
    assert torch.allclose(turned, x.rot90(-1, (-2, -1)), atol=1e-5)


def test_translations_are_fractions_of_the_side_to_the_right_and_down() -> None:
    """2 of 8 pixels to the right and 3 down: (0, 0) and (1, 0) move to (3, 2) and (4, 2)."""
    moved = distort(corner(), changed(move_x=2 / 8, move_y=3 / 8))
    assert ink(moved) == [[3, 2], [4, 2]]
    assert moved.sum().item() == pytest.approx(2, abs=1e-5)


def test_scales_stretch_about_the_centre() -> None:
    """Of 8 columns the two at the centre, 3 and 4, become four at twice the width, with blurred edges."""
    x = torch.zeros(1, 1, 8, 8)
    x[0, 0, 2, 3:5] = 1.0
    wide = distort(x, changed(scale_x=2.0))
    assert wide[0, 0, 2].tolist() == pytest.approx([0, 0.25, 0.75, 1, 1, 0.75, 0.25, 0], abs=1e-5)
    assert wide[0, 0, 3].sum().item() == pytest.approx(0, abs=1e-5)


def test_a_shear_is_a_slope() -> None:
    """Shear x by 2/7: the first row is 3.5 pixels above the centre and moves 1 to the left, the last 1 to the right."""
    x = torch.zeros(1, 1, 8, 8)
    x[0, 0, 0, 4] = x[0, 0, 7, 4] = 1.0
    assert ink(distort(x, changed(shear_x=2 / 7))) == [[0, 3], [7, 5]]
    across = torch.zeros(1, 1, 8, 8)
    across[0, 0, 4, 0] = across[0, 0, 4, 7] = 1.0
    assert ink(distort(across, changed(shear_y=2 / 7))) == [[3, 0], [5, 7]]


def test_a_batch_equals_scipy_on_each_drawing() -> None:
    """All seven components, computed in pixel coordinates, row before column, with scipy's sampler."""
    uniforms = torch.rand(6, COMPONENTS, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    components = sample_components(0.5 + uniforms / 2)
    sampled = glyphs.load(num_alphabets=1).pixels[:6, 0].float()
    ours = distort(sampled[:, None], to_matrices(components))[:, 0]
    for x, mine, row in zip(sampled.numpy(), ours.numpy(), components.numpy(), strict=True):
        angle, shear_x, shear_y, scale_x, scale_y, move_x, move_y = row
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])  # of (row, column)
        shear, scale = np.array([[1, shear_y], [shear_x, 1]]), np.diag([scale_y, scale_x])
        back = np.linalg.inv(turn @ shear @ scale)
        middle = np.full(2, (28 - 1) / 2)
        offset = middle - back @ (middle + 28 * np.array([move_y, move_x]))
        theirs = ndimage.affine_transform(x, back, offset, order=1, mode="grid-constant")
        assert np.abs(mine - theirs).max() < 1e-4


def test_each_component_is_left_out_half_of_the_time_and_otherwise_within_its_range() -> None:
    components = sample_components(torch.rand(4000, COMPONENTS, generator=torch.Generator().manual_seed(2)))
    rest = torch.tensor(REST)
    assert ((components == rest).float().mean(0) - 0.5).abs().max() < 4 * 0.5 / 4000**0.5
    reach = (components - rest).abs().max(0).values
    limits = [math.radians(10), 0.3, 0.3, 0.2, 0.2, 2 / 105, 2 / 105]
    assert reach.tolist() == pytest.approx(limits, rel=0.01)
    assert (reach <= torch.tensor(limits) + 1e-6).all()
    assert (components - rest).mean(0).abs().max() < 0.01  # symmetrically


@pytest.fixture(scope="module")
def sampled() -> ImageSet:
    return glyphs.load(num_alphabets=10)


def test_distorted_examples_are_a_function_of_their_task(sampled: ImageSet, generator: torch.Generator) -> None:
    """The same bits each time, alone or in a batch, and the same drawings and labels as without distortion."""
    family, plain = FewShotImages(sampled, 3, 1, 2, distort=True), FewShotImages(sampled, 3, 1, 2)
    tasks = family.sample(4, "train", generator)
    first, again, below = family.examples(tasks), family.examples(tasks), plain.examples(tasks)
    alone = family.examples(tasks.chosen(slice(2, 3)))
    for one, other, part, single in zip(first, again, below, alone, strict=True):
        assert torch.equal(one.x, other.x)
        assert torch.allclose(one.x[2:3], single.x, atol=1e-6)
        assert torch.equal(one.y, part.y)
        assert (one.x - part.x).abs().amax((2, 3, 4)).gt(
            0.2
        ).float().mean() > 0.9  # 1 of 128 drawings has no components


def test_each_drawing_of_each_task_is_distorted_independently(generator: torch.Generator) -> None:
    """Two hundred identical crosses in two tasks become almost two hundred different drawings."""
    pixels = torch.zeros(10, 20, 28, 28, dtype=torch.uint8)
    pixels[..., 14, 4:24] = pixels[..., 4:24, 14] = 1
    family = FewShotImages(ImageSet(pixels, torch.zeros(10).long(), torch.zeros(10).long()), 5, 5, 15, (), distort=True)
    support, query = family.examples(family.sample(2, "train", generator))
    kinds = torch.cat([support.x, query.x], 1).flatten(0, 1).flatten(1).unique(dim=0)
    assert len(kinds) > 180


@pytest.mark.parametrize("split", ["validation", "test"])
def test_tasks_of_held_out_classes_are_never_distorted(
    split: str, sampled: ImageSet, generator: torch.Generator
) -> None:
    family, plain = FewShotImages(sampled, 5, 1, 2, distort=True), FewShotImages(sampled, 5, 1, 2)
    held_out, training = family.sample(3, split, generator), family.sample(3, "train", generator)
    mixed = Tasks(held_out.names, torch.cat([training.values, held_out.values]))
    for bent, straight in zip(family.examples(mixed), plain.examples(mixed), strict=True):
        assert torch.equal(bent.x[3:], straight.x[3:])
        assert not torch.equal(bent.x[:3], straight.x[:3])
