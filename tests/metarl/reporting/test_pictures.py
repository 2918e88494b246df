"""A few-shot episode is drawn with its predictions, the same episode for the same seed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.reporting import pictures
from metarl.runs import checkpoint, folder
from metarl.training.trainer import Trainer


@pytest.mark.parametrize("bn", ["transductive", "running"])
def test_the_fraction_of_correct_predictions_is_returned(bn: str, small: Callable[..., Config], workdir: Path) -> None:
    """Three classes of two queries each: a multiple of one sixth."""
    config = small("fomaml_omniglot") if bn == "transductive" else small("prototypical_omniglot", learner__bn=bn)
    run = folder.create("few", config, "")
    checkpoint.save(run.checkpoints, Trainer(config).state)
    first = pictures.draw_run(run, "test", 0, workdir / "first.png")
    again = pictures.draw_run(run, "test", 0, workdir / "again.png")
    assert first == again
    assert (6 * first) == pytest.approx(round(6 * first))
    assert (workdir / "first.png").read_bytes() == (workdir / "again.png").read_bytes()
    with pytest.raises(UserError, match="--split is ood, expected one of train"):
        pictures.draw_run(run, "ood", 0, workdir / "none.png")
