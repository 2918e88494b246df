"""A trained few-shot learner outside of training answers as in an evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import metarl
from agents.learner import SupervisedTask
from envs.core import Examples
from metarl.config import files as settings
from metarl.errors import UserError
from metarl.evaluation import classification
from metarl.evaluation.accuracy import calibrated, images_of
from metarl.evaluation.sampling import seeded
from metarl.runs import checkpoint
from metarl.runs.run import Run
from metarl.training.make import load_trainer
from metarl.training.trainer import Trainer

SMALL = {
    "tasks.data": "glyphs",
    "tasks.way": 3,
    "tasks.shot": 2,
    "tasks.query": 4,
    "tasks.splits": "vinyals",
    "tasks.resize": "nearest",
}
NAMES = [
    name
    for name in settings.names()
    if settings.read_yaml(settings.find(name))["tasks"].get("data") == "omniglot" and name != "siamese_koch"
]


def trained(name: str, folder: Path, **changes: Any) -> Run:
    """A run of one iteration."""
    small = SMALL | {"train.iterations": 1, "train.num_tasks": 1, "train.num_threads": 1}
    config = settings.load(name, small | {f"learner.{key}": value for key, value in changes.items()})
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(settings.dump(config))
    trainer = Trainer(config)
    trainer.iterate()
    checkpoint.save(folder / "checkpoints", trainer.state)
    return Run(folder)


@pytest.mark.parametrize("name", NAMES)
def test_it_answers_as_an_evaluation_of_the_same_episode(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two ways: the learner on a task as an evaluation draws and calibrates it, and pictures with dark ink on white."""
    monkeypatch.setattr(classification, "CALIBRATION_IMAGES", 40)
    run = trained(name, tmp_path / "run")
    trainer = load_trainer(run)
    family = images_of(run.config, way=3, shot=2)
    theta = calibrated(trainer.learner, trainer.theta, run.config, 2)
    support, query = (Examples(*(t[0] for t in part)) for part in family.examples(family.sample(1, "test", seeded(0))))
    with torch.no_grad():
        task = SupervisedTask((support,), query)
        phi = trainer.learner.adapt(theta, trainer.learner.initial_state(theta), task.support[0])
        logits = trainer.learner.apply(theta, phi, query.x)
    names = np.array(["ant", "bee", "cat"])
    classifier = metarl.load(tmp_path / "run").fit(
        [255 * (1 - x[0].byte().numpy()) for x in support.x], names[support.y]
    )
    shown = [Image.fromarray(255 * (1 - x[0].byte().numpy())) for x in query.x]
    assert classifier.classes_.tolist() == ["ant", "bee", "cat"]
    assert classifier.predict(shown).tolist() == names[logits.argmax(-1)].tolist()
    proba = classifier.predict_proba(shown)
    assert np.allclose(proba, logits.double().softmax(-1), atol=1e-6)
    assert np.allclose(proba.sum(1), 1)
    if not classifier.depends_on_others:  # many queries are answered in parts
        assert np.allclose(classifier.predict_proba(shown[:1]), proba[:1], atol=1e-5)


def test_statistics_are_measured_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second classifier gives the same bits without the images; a damaged file is refused."""
    monkeypatch.setattr(classification, "CALIBRATION_IMAGES", 40)
    pictures = [np.full((9, 9), level, np.uint8) for level in (0, 60, 120, 250)]
    trained("prototypical_omniglot", tmp_path / "run")
    first = metarl.load(tmp_path / "run")
    assert first.needs_images(4, 2)
    proba = first.fit(pictures, [0, 0, 1, 1]).predict_proba(pictures)
    kept = tmp_path / "run" / "statistics_iteration1_2shots.safetensors"
    assert kept.is_file()
    again = metarl.load(tmp_path / "run")
    assert not again.needs_images(4, 2)
    assert again.needs_images(4, 4)

    def missing(*_: object, **__: object) -> None:
        raise UserError("no images")

    monkeypatch.setattr("metarl.deploy.classifier.images_of", missing)
    assert np.array_equal(again.fit(pictures, [0, 0, 1, 1]).predict_proba(pictures), proba)
    with pytest.raises(UserError, match="no images"):
        again.fit(pictures, [0, 1, 2, 3])
    whole = kept.read_bytes()
    for content in (whole[:-4], whole[:-4] + b"\0\0\xc0\x7f", whole.replace(b"conv0", b"conv9"), b""):
        kept.write_bytes(content)
        with pytest.raises(UserError, match="could not be read, remove it and it is measured again"):
            metarl.load(tmp_path / "run").fit(pictures, [0, 0, 1, 1])


def test_statistics_of_pairs_are_those_of_the_training_whatever_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relation network of 3 ways that is first asked about 2 classes, and another that is first asked about 3."""
    monkeypatch.setattr(classification, "CALIBRATION_IMAGES", 40)
    pictures = [np.full((9, 9), level, np.uint8) for level in (0, 60, 120)]
    kept = []
    for classes in (2, 3):
        trained("relation_omniglot", tmp_path / str(classes))
        metarl.load(tmp_path / str(classes)).fit(pictures[:classes], range(classes))
        kept.append((tmp_path / str(classes) / "statistics_iteration1_1shots.safetensors").read_bytes())
    assert kept[0] == kept[1]


def test_it_tells_other_numbers_of_classes_apart_as_far_as_its_last_layer_goes(tmp_path: Path) -> None:
    pictures = [np.full((9, 9), level, np.uint8) for level in (0, 60, 120, 250)]
    trained("prototypical_omniglot", tmp_path / "metric", bn="support")
    trained("maml_omniglot", tmp_path / "fixed")
    metric, fixed = metarl.load(tmp_path / "metric"), metarl.load(tmp_path / "fixed")
    assert metric.fit(pictures, [4, 3, 2, 1]).predict_proba(pictures).shape == (4, 4)
    assert metric.classes_.tolist() == [1, 2, 3, 4]
    assert fixed.fit(pictures[:2], [True, False]).predict_proba(pictures).shape == (4, 2)
    with pytest.raises(
        UserError, match=r"tells 3 classes apart, and got pictures of 4: give fewer, or train one with --ta"
    ):
        fixed.fit(pictures, [4, 3, 2, 1])


def test_each_fit_forgets_the_one_before(tmp_path: Path) -> None:
    trained("prototypical_omniglot", tmp_path / "run", bn="support")
    dark, bright = np.zeros((9, 9), np.uint8), np.full((9, 9), 250, np.uint8)
    classifier = metarl.load(tmp_path / "run")
    assert classifier.fit([dark, bright], ["dark", "bright"]).predict([dark]).tolist() == ["dark"]
    assert classifier.fit([bright, dark], ["dark", "bright"]).predict([dark]).tolist() == ["bright"]


def test_mistakes_are_sentences(tmp_path: Path) -> None:
    trained("prototypical_omniglot", tmp_path / "run", bn="support")
    classifier, picture = metarl.load(tmp_path / "run"), np.zeros((9, 9), np.uint8)
    cases = [
        (lambda: classifier.predict([picture]), r"was not shown any classes: call fit\(images, labels\) first"),
        (lambda: classifier.fit([], []), "got no pictures: give at least one"),
        (lambda: classifier.fit([picture], ["a", "b"]), r"got 1 pictures and labels of shape \[2\]: give one for each"),
        (lambda: classifier.fit([picture], ["a"]), "got pictures of 1 class: give those of at least 2"),
        (lambda: classifier.fit([np.zeros(3)], ["a"]), r"got a picture of shape \[3\], expected"),
        (lambda: metarl.load(tmp_path / "run", env=object()), "acts in no environment: leave env out"),
    ]
    for call, sentence in cases:
        with pytest.raises(UserError, match=sentence):
            call()
