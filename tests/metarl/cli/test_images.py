"""Learning from a folder of pictures of one's own, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from envs.core import Examples
from metarl.config import files as settings
from metarl.evaluation.classification import learner_of
from metarl.runs import folder
from tests.metarl.system.test_downloads import run

SMALL = (
    "--tasks.channels 3 --tasks.way 2 --tasks.query 1 --train.iterations 2 --train.num_tasks 2 --train.num_threads 1 "
    "--learner.embedding.channels 4"
).split()
LEARNERS = [name for name in settings.names() if settings.read_yaml(settings.find(name))["tasks"].get("data")]


@pytest.fixture
def images(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten classes of three to five small pictures, each class of a colour."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(workdir / "cache"))
    monkeypatch.setenv("METARL_IMAGES", "")  # so that it is as before after the test
    rng = np.random.default_rng(0)
    for c in range(10):
        (workdir / "images" / f"class{c}").mkdir(parents=True)
        for i in range(3 + c % 3):
            pixels = np.clip(25 * c + rng.normal(0, 10, (20 + i, 30, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(workdir / "images" / f"class{c}" / f"{i}.png")
    return workdir / "images"


def test_a_folder_is_trained_on_evaluated_moved_and_recognised(
    images: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(*words: str) -> tuple[int, str, str]:
        monkeypatch.setenv("METARL_IMAGES", "")  # as if each verb were a process of its own
        return run(list(words), capsys)

    code, _, err = answer("train", "prototypical_images", "--data", "images", "--tasks.size", "32", *SMALL)
    assert code == 0, err
    trained = folder.find("prototypical_images")
    assert trained.config.tasks.path == str(images)  # type: ignore[attr-defined]
    assert "--data images" in trained.command
    evaluate = ("evaluate", "prototypical_images", "--tasks", "5", "--shots", "1", "--json")
    code, out, err = answer(*evaluate)
    assert code == 0, err
    first = json.loads(out)[0]["results"][0]
    assert (first["way"], first["shot"]) == (2, 1)  # as many classes as in training
    assert answer("record", "prototypical_images", "--out", "episode.png")[0] == 0
    images.rename(images.with_name("elsewhere"))
    code, _, err = answer(*evaluate)
    assert code == 2
    assert "images is not a folder: give one that holds a folder of images for each class" in err
    code, out, err = answer(*evaluate, "--data", "elsewhere")
    assert code == 0, err
    assert json.loads(out)[0]["results"][0] == first
    Image.new("RGB", (20, 20)).save("elsewhere/class0/0.png")
    code, _, err = answer(*evaluate, "--data", "elsewhere")
    assert code == 2
    assert "was trained with other images than the files hold now" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("train prototypical_images", "data folder needs a folder of images: give --data DIR, or tasks.path"),
        ("train prototypical_images --data nowhere", "nowhere is not a folder: give one that holds a folder of images"),
        (
            "train prototypical_images --data images --tasks.query 9",
            "shot 1 + query 9 exceeds the 3 drawings of 'class0'",
        ),
        ("train prototypical_omniglot --data images", "give --tasks.data folder too (docs/how-to/own-images.md)"),
        (
            "train prototypical_omniglot --tasks.data glyphs --data images",
            "for images of your own give --tasks.data folder",
        ),
    ],
)
def test_images_that_do_not_suffice(
    words: str, sentence: str, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(words.split(), capsys)
    assert code == 2
    assert sentence in err
    assert err.count("\n") == 1
    assert not Path("runs").exists()


@pytest.mark.parametrize(("channels", "size"), [(3, 84), (1, 29)])
@pytest.mark.parametrize("name", [n for n in LEARNERS if n not in ("siamese_koch", "siamese_lake")])
def test_every_learner_takes_grey_and_colour_of_28_to_84_pixels(name: str, channels: int, size: int) -> None:
    changes = {"data": "folder", "path": "nowhere", "way": 2, "shot": 1, "channels": channels, "size": size}
    learner = learner_of(settings.load(name, {f"tasks.{key}": value for key, value in changes.items()}))
    theta = learner.init(torch.Generator().manual_seed(0))
    x = torch.rand(5, channels, size, size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        phi = learner.adapt(theta, learner.initial_state(theta), examples(x[:2]))
        logits = learner.apply(theta, phi, x[2:])
    assert logits.shape == (3, 2)
    assert logits.isfinite().all()


def examples(x: torch.Tensor) -> Examples:
    """One image of each class."""
    return Examples(x, torch.arange(len(x)))


def test_koch_takes_grey_and_colour_of_105_pixels() -> None:
    changes = {"data": "folder", "path": "a", "splits": "vinyals", "channels": 3}
    config = settings.load("siamese_koch", {f"tasks.{key}": value for key, value in changes.items()})
    theta = learner_of(config).init(torch.Generator().manual_seed(0))
    assert theta["conv0.weight"].shape == (64, 3, 10, 10)
