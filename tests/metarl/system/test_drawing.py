"""Drawn shapes from end to end: written, trained on, and named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from envs.fewshot.shapes import kinds
from tests.metarl.system.test_downloads import run


def test_shapes_are_drawn_learned_from_and_named(
    workdir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(workdir / "cache"))
    monkeypatch.setenv("METARL_IMAGES", "")

    def done(*words: str) -> str:
        code, out, err = run(list(words), capsys)
        assert code == 0, err
        return out

    assert "metarl train prototypical_images --data shapes" in done(
        "data", "shapes", "--classes", "10", "--images", "3"
    )
    assert sorted(path.name for path in Path("shapes").iterdir()) == sorted(kind.name for kind in kinds()[:10])
    assert Image.open(f"shapes/{kinds()[0].name}/002.png").size == (84, 84)
    small = "--tasks.size 28 --tasks.way 2 --tasks.query 1 --train.iterations 2 --learner.embedding.channels 4".split()
    done("train", "prototypical_images", "--data", "shapes", "--train.num_threads", "1", *small)
    done("data", "shapes", "--classes", "3", "--images", "5", "--out", "shown")
    asked = f"shown/{kinds()[1].name}"
    answer = json.loads(done("predict", "prototypical_images", "--support", "shown", "--query", asked, "--json"))
    assert len(answer["predictions"]) == 5
    assert set(answer["predictions"][0]["probabilities"]) == {kind.name for kind in kinds()[:3]}
    assert Image.open(answer["picture"]).format == "PNG"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("data shapes --classes 289", "--classes is 289, expected 1 to 288"),
        ("data shapes --out .", ". is there already and holds something: give another folder with --out"),
        ("data shapes --from .", "--from is not for shapes: leave it out"),
        ("data omniglot --images 3", "--images is not for omniglot: leave it out"),
    ],
)
def test_mistakes_are_sentences(words: str, sentence: str, workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("something").touch()
    code, _, err = run(words.split(), capsys)
    assert code == 2
    assert sentence in err
    assert [path.name for path in workdir.iterdir()] == ["something"]
