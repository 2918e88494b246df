"""Images, tasks and an embedding that several tests share."""

from __future__ import annotations

import torch
from torch import Tensor

from agents.nn.embeddings import Embedded
from agents.records import Params, SupervisedTask
from envs.core import Examples
from envs.fewshot import glyphs
from envs.fewshot.episodes import FewShotImages

SUPPORT = Examples(torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 2.0], [4.0, 4.0]]), torch.tensor([0, 1, 0, 1]))
QUERY = Examples(torch.tensor([[1.0, 1.0]]), torch.tensor([0]))


class Identity:
    """Images are their own embeddings."""

    dim = 2

    def init(self, generator: torch.Generator) -> Params:
        return {}

    def __call__(self, params: Params, x: Tensor, stats: Params | None = None, return_stats: bool = False) -> Embedded:
        return Embedded(x.flatten(1), {})


def supervised_tasks(num: int = 2, shot: int = 1) -> SupervisedTask:
    """Tasks of three classes of glyphs with two queries each."""
    family = FewShotImages(glyphs.load(num_alphabets=10), 3, shot, 2)
    support, query = family.examples(family.sample(num, "train", torch.Generator().manual_seed(0)))
    return SupervisedTask((support,), query)


def one_task(tasks: SupervisedTask, i: int) -> SupervisedTask:
    """Task `i` of several."""
    return SupervisedTask(
        tuple(Examples(*(t[i] for t in s)) for s in tasks.support), Examples(*(t[i] for t in tasks.query))
    )
