"""Pictures are named from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from metarl.config import files as settings
from tests.metarl.deploy.test_classifier import trained
from tests.metarl.system.test_downloads import run

COLOURS = {"bright": 250, "dark": 0, "middle": 120}


@pytest.fixture
def folders(workdir: Path) -> Path:
    """Three classes of five pictures, two to be named, and a run that tells pictures apart by their shade."""
    for name, level in COLOURS.items():
        (workdir / "shown" / name).mkdir(parents=True)
        for i in range(5):
            Image.fromarray(np.full((20 + i, 30), level, np.uint8)).save(workdir / "shown" / name / f"{i}.png")
    (workdir / "asked").mkdir()
    for name, level in (("b.jpg", 245), ("a.png", 5)):
        Image.fromarray(np.full((40, 40, 3), level, np.uint8)).save(workdir / "asked" / name)
    trained("prototypical_omniglot", workdir / "runs" / "mine" / "1", bn="support")
    return workdir


def test_a_table_and_a_picture(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["predict", "runs/mine/1", "--support", "shown", "--query", "asked"]
    code, out, err = run(words, capsys)
    assert code == 0, err
    rows = [line.split("│")[1:-1] for line in out.splitlines() if line.count("│") == 4]
    assert [[cell.strip() for cell in row[:2]] for row in rows] == [["a.png", "dark"], ["b.jpg", "bright"]]
    picture = folders / "runs" / "mine" / "1" / "predictions.png"
    assert Image.open(picture).format == "PNG"
    code, out, err = run([*words, "--json", "--out", "other.svg"], capsys)
    assert code == 0, err
    first = json.loads(out)["predictions"][0]
    assert first["file"] == "a.png"
    assert list(first["probabilities"]) == sorted(COLOURS)
    assert first["probability"] == max(first["probabilities"].values()) == first["probabilities"]["dark"]
    assert sum(first["probabilities"].values()) == pytest.approx(1)
    assert Path("other.svg").is_file()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"query": "nowhere"}, "--query is 'nowhere', expected a folder of pictures"),
        ({"query": "shown"}, "shown/bright is no picture: a folder of pictures holds nothing but PNG, JPEG and WebP"),
        ({"support": "nowhere"}, "nowhere is not a folder: give one that holds a folder of images for each class"),
        ({"support": "asked"}, "asked holds 0 folders, expected one folder of images for each class"),
        ({"out": "a.txt"}, "--out is 'a.txt', expected a file name that ends in .png, .svg or .pdf"),
    ],
)
def test_mistakes_are_sentences(
    change: dict[str, str], sentence: str, folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"support": "shown", "query": "asked"} | change
    code, _, err = run(["predict", "runs/mine/1", *(w for k, v in given.items() for w in (f"--{k}", v))], capsys)
    assert code == 2
    assert sentence in err
    assert err.count("\n") == 1


def test_a_damaged_picture_is_named(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folders / "shown" / "dark" / "3.png").write_bytes(b"")
    code, _, err = run(["predict", "runs/mine/1", "--support", "shown", "--query", "asked"], capsys)
    assert code == 2
    assert "1 picture in" in err
    assert "dark/3.png (not a PNG file, as its name says)" in err


def test_what_tells_no_images_apart_is_refused(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = workdir / "runs" / "mine" / "1"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(settings.dump(settings.load("maml_sinusoid")))
    code, _, err = run(["predict", "runs/mine/1", "--support", "a", "--query", "b"], capsys)
    assert code == 2
    assert "tells no images apart: its tasks are of kind sinusoid" in err
