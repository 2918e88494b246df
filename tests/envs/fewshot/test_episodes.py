"""Few-shot images: the content of an episode, and that the data are those of the papers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from envs.core import Tasks
from envs.fewshot import glyphs, omniglot
from envs.fewshot.episodes import FewShotImages
from envs.fewshot.images import SPLITS, ImageSet, PhotoSet


def found() -> bool:
    try:
        return bool(omniglot.find_file())
    except FileNotFoundError:
        return False


real = pytest.mark.skipif(not found(), reason="no packed Omniglot: METARL_DATA is not set")


@pytest.fixture(scope="module")
def sampled() -> ImageSet:
    return glyphs.load(num_alphabets=10)


def numbered() -> ImageSet:
    """Drawings with their class and number in the first two pixels; 40 classes of 20 drawings."""
    pixels = torch.zeros(40, 20, 8, 8, dtype=torch.uint8)
    pixels[..., 0, 0] = torch.arange(40)[:, None].to(torch.uint8) + 1
    pixels[..., 0, 1] = torch.arange(20)[None].to(torch.uint8) + 1
    return ImageSet(pixels, torch.tensor([0, 1, 2, 2]).repeat(10), torch.arange(40) // 4, levels=255)


def test_glyphs_are_reproducible_and_alphabets_lie_in_one_split(sampled: ImageSet) -> None:
    assert torch.equal(sampled.pixels, glyphs.load(num_alphabets=10).pixels)
    assert sampled.pixels.shape == (200, 20, 28, 28)
    assert 0.03 < sampled.pixels.float().mean() < 0.3
    assert all(len(set(sampled.split[sampled.alphabet == a].tolist())) == 1 for a in range(10))
    assert [len(sampled.classes(split)) for split in SPLITS] == [120, 20, 60]


def test_support_and_query_share_no_drawing_and_labels_are_the_classes(generator: torch.Generator) -> None:
    """The class and number of each drawing are read back from its pixels."""
    family = FewShotImages(numbered(), way=5, shot=3, query=6, turns=())
    support, query = family.examples(family.sample(30, "test", generator))
    for task in range(30):
        seen = {}
        for part in (support, query):
            pairs = (255 * part.x[task, :, 0, 0, :2]).round().long().tolist()
            assert len({tuple(p) for p in pairs}) == len(pairs)
            for (character, _), label in zip(pairs, part.y[task].tolist(), strict=True):
                assert seen.setdefault(label, character) == character
        assert len(set(seen.values())) == 5
        assert all(numbered().split[c - 1] == 2 for c in seen.values())
        first = {tuple(p) for p in support.x[task, :, 0, 0, :2].tolist()}
        assert not first & {tuple(p) for p in query.x[task, :, 0, 0, :2].tolist()}
        assert query.y[task].bincount().tolist() == [6] * 5
        assert support.y[task].bincount().tolist() == [3] * 5


def test_the_support_is_shuffled(generator: torch.Generator) -> None:
    family = FewShotImages(numbered(), way=5, shot=1, query=1)
    orders = {tuple(row) for row in family.examples(family.sample(60, "train", generator))[0].y.tolist()}
    assert len(orders) > 40


def test_examples_are_a_function_of_their_task(generator: torch.Generator) -> None:
    family = FewShotImages(numbered(), way=4, shot=2, query=2)
    tasks = family.sample(3, "train", generator)
    one, other = family.examples(tasks), family.examples(tasks)
    assert all(torch.equal(a, b) for x, y in zip(one, other, strict=True) for a, b in zip(x, y, strict=True))


def test_rotated_characters_are_separate_classes(generator: torch.Generator) -> None:
    """The marked corner of a drawing is one of four; one task may have two rotations of a character."""
    family = FewShotImages(numbered(), way=5, shot=1, query=1)
    tasks = family.sample(200, "train", generator)
    classes = tasks.values[:, :-1].long()
    assert set((classes % 4).flatten().tolist()) == {0, 1, 2, 3}
    assert all(len(set(row)) == 5 for row in classes.tolist())
    support, _ = family.examples(tasks)
    corners = (
        255 * support.x[..., [0, 0, -1, -1], [0, -1, 0, -1]][:, :, 0] > 2
    )  # drawing numbers are at most 20, classes more
    assert corners.any(1).any(0).all()


def test_the_characters_of_one_alphabet_are_turned_alike(generator: torch.Generator) -> None:
    """Alphabets of 6, 3 and 5 characters: those with 5 or more are drawn equally often, with all their characters."""
    of = torch.tensor([0] * 6 + [1] * 3 + [2] * 5)
    images = ImageSet(torch.ones(14, 4, 8, 8, dtype=torch.uint8), torch.zeros(14).long(), of)
    family = FewShotImages(images, way=5, shot=1, query=1, one_alphabet=True)
    classes = family.sample(4000, "train", generator).values[:, :-1].long()
    alphabets, turns = of[classes // 4], classes % 4
    assert (alphabets == alphabets[:, :1]).all()
    assert (turns == turns[:, :1]).all()
    assert all(len(set(row)) == 5 for row in classes.tolist())
    assert set(alphabets.flatten().tolist()) == {0, 2}
    assert abs((alphabets[:, 0] == 0).double().mean() - 0.5) < 5 * 0.5 / 4000**0.5
    assert (turns[:, 0].bincount() - 1000).abs().max() < 5 * 750**0.5
    six = (classes // 4)[alphabets[:, 0] == 0].flatten().bincount()
    assert (six / six.sum() - 1 / 6).abs().max() < 0.01
    with pytest.raises(ValueError, match="way 7 exceeds the 6 characters of the largest alphabet of split train"):
        FewShotImages(images, 7, 1, 1, one_alphabet=True)


@real
def test_omniglot_in_any_size_is_a_subsample_or_an_average_of_the_large_images() -> None:
    """35 divides 105: a third of the pixels in each direction, or the mean of 3 x 3."""
    large = omniglot.load(size=105).pixels[:5]
    assert torch.equal(omniglot.load(size=35).pixels[:5], large[..., 1::3, 1::3])
    mean = F.avg_pool2d(large.flatten(0, 1).double(), 3).view(5, 20, 35, 35)
    averaged = omniglot.load(size=35, resize="area")
    assert averaged.levels == 255
    assert (averaged.pixels[:5].double() - 255 * mean).abs().max() <= 0.5 + 1e-3
    assert omniglot.load(size=56).pixels.shape == (1623, 20, 56, 56)


def photos() -> PhotoSet:
    """Ten classes of 3 to 12 RGB photos, with their class, their number and 7 in the colours of the first pixel."""
    counts = torch.arange(3, 13)
    pixels = torch.zeros(int(counts.sum()), 3, 8, 8, dtype=torch.uint8)
    pixels[:, 0, 0, 0] = torch.arange(10).repeat_interleave(counts).to(torch.uint8)
    pixels[:, 1, 0, 0] = torch.cat([torch.arange(int(n)) for n in counts]).to(torch.uint8)
    pixels[:, 2, 0, 0] = 7
    return PhotoSet(pixels, counts, torch.tensor([0] * 6 + [2] * 4), tuple("abcdefghij"))


def test_photos_of_classes_of_different_size_are_each_drawn_equally_often(generator: torch.Generator) -> None:
    """Class and number are read back; in 600 tasks each of the n photos of a class is shown in 3 of n of its tasks."""
    family = FewShotImages(photos(), way=4, shot=1, query=2, turns=())
    assert family.space.obs == 3 * 8 * 8
    tasks = family.sample(600, "test", generator)
    support, query = family.examples(tasks)
    assert support.x.shape == (600, 4, 3, 8, 8)
    shown = (255 * torch.cat([support.x, query.x], 1)[..., 0, 0]).round().long()  # [N, M, 3]
    labels = torch.cat([support.y, query.y], 1)
    assert (shown[..., 2] == 7).all()
    assert torch.equal(shown[..., 0], tasks.values[:, :4].long().gather(1, labels) // 4)
    for c in range(6, 10):
        times = shown[..., 1][shown[..., 0] == c].bincount()
        assert len(times) == c + 3
        assert times.sum() == 3 * 600
        assert (times - 1800 / (c + 3)).abs().max() < 5 * (1800 / (c + 3)) ** 0.5
    assert all(len({tuple(p) for p in task.tolist()}) == 12 for task in shown)


def test_the_class_with_too_few_photos_is_named() -> None:
    with pytest.raises(ValueError, match=r"shot 1 \+ query 3 exceeds the 3 drawings of 'a'"):
        FewShotImages(photos(), 2, 1, 3, turns=())
    with pytest.raises(ValueError, match=r"there are 75 photos, and counts of 75 in 10 classes, 10 splits and 1 names"):
        FewShotImages(photos()._replace(names=("a",)), 2, 1, 1)


@pytest.mark.parametrize(
    ("way", "shot", "query", "sentence"),
    [(5, 15, 6, r"shot 15 \+ query 6 exceeds the 20 drawings"), (41, 1, 1, "way 41 exceeds the 40")],
)
def test_too_many_classes_or_drawings_are_refused(way: int, shot: int, query: int, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        FewShotImages(numbered(), way, shot, query)


def test_a_missing_damaged_or_foreign_file_is_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("METARL_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="there is no packed Omniglot in"):
        omniglot.load()
    (tmp_path / "omniglot.npz").write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(ValueError, match="is not a packed Omniglot"):
        omniglot.load(str(tmp_path))
    np.savez(tmp_path / "omniglot.npz", other=np.zeros(3))
    with pytest.raises(ValueError, match="holds no 'images28'"):
        omniglot.load(str(tmp_path))
    np.savez(tmp_path / "omniglot.npz", images28=np.zeros((3, 20, 98), np.uint8))
    with pytest.raises(ValueError, match=r"of shape \(3, 20, 98\), expected"):
        omniglot.load(str(tmp_path))
    np.savez(tmp_path / "omniglot.npz", images28=np.array([object()], dtype=object))
    with pytest.raises(ValueError, match="could not be read"):
        omniglot.load(str(tmp_path))


@real
def test_nearest_pixels_on_lakes_runs_are_right_87_times_of_400() -> None:
    """Cosine on raw 105 x 105 pixels: 21.75 %, published as 21.7 (Koch et al. 2015, table 2); 76 by distance."""
    images, runs = omniglot.load(size=105).pixels.float().flatten(2), omniglot.one_shot_runs()
    cosine = euclid = 0
    for support, query, label in zip(runs.support, runs.query, runs.label, strict=True):
        s, q = images[support[:, 0], support[:, 1]], images[query[:, 0], query[:, 1]]
        cosine += int(((F.normalize(q) @ F.normalize(s).T).argmax(1) == label).sum())
        euclid += int((torch.cdist(q, s).argmin(1) == label).sum())
    assert (cosine, euclid) == (87, 76)


@real
@pytest.mark.parametrize(("way", "shot", "expected"), [(5, 1, 45.9), (5, 5, 68.0), (20, 1, 26.3), (20, 5, 48.1)])
def test_nearest_pixels_on_vinyals_split_are_right_as_often_as_measured(way: int, shot: int, expected: float) -> None:
    """The nearest support image by the cosine of 28 x 28 pixels; 300 episodes, three standard errors."""
    family = FewShotImages(omniglot.load(), way, shot, 5)
    support, query = family.examples(family.sample(300, "test", torch.Generator().manual_seed(0)))
    s, q = (F.normalize(x.flatten(2), dim=-1) for x in (support.x, query.x))
    nearest = (q @ s.mT).argmax(-1)
    right: Tensor = (support.y.gather(1, nearest) == query.y).float().mean(1)
    assert 100 * right.mean().item() == pytest.approx(expected, abs=300 * right.std().item() / len(right) ** 0.5)


def test_class_4c_plus_q_is_character_c_rotated_counterclockwise_by_q_quarters() -> None:
    """Every image of a task is a drawing of its character under `rot90`, for each of the four rotations."""
    images = glyphs.load(num_alphabets=10)
    family = FewShotImages(images, 4, 1, 3)
    character = int(images.classes("train")[0])
    classes = [4 * character + quarter for quarter in range(4)]
    tasks = Tasks(family.names, torch.tensor([[*classes, 5]], dtype=torch.float64))
    for data in family.examples(tasks):
        for picture, quarter in zip(data.x[0, :, 0], data.y[0].tolist(), strict=True):
            turned = images.pixels[character].rot90(quarter, (-2, -1))
            assert (turned == picture).flatten(1).all(1).any()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"pixels": torch.zeros(40, 20, 3, 8, 8, dtype=torch.uint8)}, "of one grey channel: average the colours"),
        ({"pixels": torch.zeros(40, 20, 8, 9, dtype=torch.uint8)}, "images have 8 x 9 pixels, expected square ones"),
        ({"pixels": torch.zeros(40, 64, dtype=torch.uint8)}, r"pixels have shape \[40, 64\], expected \[C, J, H, H\]"),
        ({"pixels": torch.zeros(0, 20, 8, 8, dtype=torch.uint8)}, "expected .C, J, H, H."),
        ({"pixels": torch.rand(40, 20, 8, 8)}, "pixels are a float32 tensor .* expected a uint8 tensor"),
        ({"pixels": np.zeros((40, 20, 8, 8), np.uint8)}, "pixels are numpy.ndarray of shape"),
        ({"split": torch.zeros(39, dtype=torch.long)}, r"split is an int64 tensor of shape \[39\], expected .*\[40\]"),
        ({"split": torch.full((40,), 3)}, "split has numbers from 3 to 3, expected 0 to 2"),
        ({"alphabet": torch.zeros(40)}, "alphabet is a float32 tensor"),
        ({"levels": 256}, "levels is 256, expected the value of full ink"),
        ({"levels": 1}, "pixels go up to 40, but full ink is levels = 1: give levels=255"),
    ],
)
def test_images_of_another_shape_are_refused_at_construction(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        FewShotImages(numbered()._replace(**change), 5, 1, 5)  # type: ignore[arg-type]


@pytest.mark.parametrize("where", ["", "train/cats"])
def test_a_folder_of_pictures_gets_an_answer_that_leads_on(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("METARL_DATA", raising=False)
    (tmp_path / where).mkdir(parents=True, exist_ok=True)
    (tmp_path / where / "cat.PNG").write_bytes(b"")
    with pytest.raises(
        FileNotFoundError, match=r"holds images, .* give --tasks.data folder too \(docs/how-to/own-images\.md\)"
    ):
        omniglot.load(str(tmp_path))


def test_a_folder_of_archives_is_told_how_to_pack_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("METARL_DATA", raising=False)
    for part in ("background", "evaluation"):
        (tmp_path / f"images_{part}.zip").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match="pack them with `metarl data omniglot --from"):
        omniglot.load(str(tmp_path))
