"""Batches are drawn without repeating a drawing."""

from __future__ import annotations

from collections.abc import Callable

import torch

from metarl.analysis.subjects import draw_batches
from metarl.config.experiment import Config


def test_batches_show_every_class_equally_often_and_no_drawing_twice(small: Callable[..., Config]) -> None:
    tasks = small("maml_omniglot", tasks__shot=2).tasks
    batches = draw_batches(tasks, 4, num_tasks=3, seed=1)
    assert batches.x.shape == (3, 4, 6, 1, 28, 28)
    assert batches.y.sort(-1).values.tolist() == [[[0, 0, 1, 1, 2, 2]] * 4] * 3
    for task in batches.x.flatten(1, 2):
        assert len({tuple(picture.flatten().tolist()) for picture in task}) == 24


def test_waves_are_cut_into_batches(small: Callable[..., Config]) -> None:
    tasks = small("maml_sinusoid", tasks__shot=5).tasks
    batches = draw_batches(tasks, 3, num_tasks=2, seed=1)
    assert batches.x.shape == batches.y.shape == (2, 3, 5, 1)
    assert len(batches.x.unique()) == 30
    assert batches.x.dtype == torch.float64
