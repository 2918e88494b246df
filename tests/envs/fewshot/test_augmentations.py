"""Augmentations: where pixels go, colours against Pillow's, and which tasks they are for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance

from envs.core import Tasks
from envs.fewshot import episodes
from envs.fewshot.augmentations import augment, cropped, jittered
from envs.fewshot.episodes import FewShotImages
from envs.fewshot.images import PhotoSet
from envs.variables import hashed_uniforms

AS_IT_IS = torch.tensor([[0.5, 0.5, 0.9, 0.5, 0.5, 0.5]])


def photos(channels: int = 3) -> PhotoSet:
    """Ten classes of eight noisy pictures, six of them for training."""
    rng = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (80, channels, 28, 28), generator=rng, dtype=torch.uint8)
    return PhotoSet(pixels, torch.full((10,), 8), torch.tensor([0] * 6 + [2] * 4), tuple("abcdefghij"))


def test_a_picture_moves_by_up_to_8_pixels_of_84_and_is_mirrored() -> None:
    """A pixel in row 40, column 30; a crop from the left end shows it 8 pixels further to the right."""
    x = torch.zeros(4, 1, 84, 84)
    x[:, 0, 40, 30] = 1.0
    place = torch.tensor([[0.5, 0.5], [0.0, 0.5], [0.999, 0.0], [0.0, 0.5]])
    moved = cropped(x, place, torch.tensor([False, False, False, True]))
    assert moved.nonzero()[:, 2:].tolist() == [[40, 30], [40, 38], [48, 22], [40, 83 - 38]]
    assert torch.equal(cropped(x[:1], place[:1], torch.tensor([False])), x[:1])


def test_every_place_is_as_likely() -> None:
    x = torch.zeros(4000, 1, 28, 28)
    x[:, 0, 14, 14] = 1.0
    rng = torch.Generator().manual_seed(0)
    moved = cropped(x, torch.rand(4000, 2, generator=rng), torch.zeros(4000, dtype=torch.bool))
    counts = moved.sum((0, 1))[11:18, 11:18]  # 3 pixels each way
    assert counts.sum() == 4000
    assert (counts - 4000 / 49).abs().max() < 5 * (4000 / 49) ** 0.5


@pytest.mark.parametrize("channels", [1, 3])
def test_colours_are_those_of_pillow(channels: int) -> None:
    """Brightness, contrast and saturation, one at a time: Pillow rounds to 1/255, and the mean of a picture too."""
    picture = photos(channels).pixels[0]
    x = picture[None].float() / 255
    pillow = Image.fromarray(picture.permute(1, 2, 0).squeeze().numpy())
    names = ("Brightness", "Contrast", "Color")
    for i, name in enumerate(names):
        for factor in (0.6, 1.4):
            factors = torch.ones(1, 3)
            factors[0, i] = factor
            ours = jittered(x, factors)[0].permute(1, 2, 0).squeeze().numpy()
            theirs = np.asarray(getattr(ImageEnhance, name)(pillow).enhance(factor)) / 255
            assert np.abs(ours - theirs).max() < 2.5 / 255, (name, factor)


def test_numbers_in_the_middle_leave_a_picture_as_it_is() -> None:
    x = torch.rand(1, 3, 28, 28)
    torch.testing.assert_close(augment(x, AS_IT_IS), x)
    assert torch.equal(augment(x, torch.tensor([[0.5, 0.5, 0.1, 0.5, 0.5, 0.5]])).flip(-1), augment(x, AS_IT_IS))


def test_only_tasks_of_training_classes_are_augmented_and_each_picture_in_its_own_way() -> None:
    family, plain = FewShotImages(photos(), 3, 1, 2, (), augment=True), FewShotImages(photos(), 3, 1, 2, ())
    rng = torch.Generator().manual_seed(0)
    tasks = [family.sample(3, split, rng) for split in ("train", "test")]
    mixed = Tasks(tasks[0].names, torch.cat([t.values for t in tasks]))
    for varied, again, straight in zip(*(f.examples(mixed) for f in (family, family, plain)), strict=True):
        assert torch.equal(varied.x, again.x)
        assert torch.equal(varied.y, straight.y)
        assert torch.equal(varied.x[3:], straight.x[3:])
        assert ((varied.x[:3] - straight.x[:3]).abs().amax((2, 3, 4)) > 0.05).all()
        assert varied.x.min() >= 0
        assert varied.x.max() <= 1


def test_crops_do_not_depend_on_which_picture_was_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers of augmentations are other ones than those that choose pictures, whatever the seed of the task."""
    asked: list[torch.Tensor] = []

    def noted(seeds: torch.Tensor, count: int) -> torch.Tensor:
        drawn = hashed_uniforms(seeds, count)
        asked.append(drawn[:, :12])
        return drawn

    monkeypatch.setattr(episodes, "hashed_uniforms", noted)
    family = FewShotImages(photos(), 3, 1, 2, (), distort=True, augment=True)
    family.examples(family.sample(200, "train", torch.Generator().manual_seed(0)))
    assert len(asked) == 4
    for i, one in enumerate(asked):
        for other in asked[:i]:
            width = min(one.shape[1], other.shape[1])
            assert (one[:, :width] != other[:, :width]).all()
