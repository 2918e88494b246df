"""A memory that learns a task by reading its examples one after the other (Santoro et al. 2016, section 2).

With every example the right answer to the one before it is shown, so that the only way to know a class is to have
bound it to its answer and kept that. Carried from task to task: a core and a last layer. Formed within one task: the
core's memory, after the support. Every query is then answered from that same memory.

The loss is over every example of the support before its own answer is shown, the blind first of each class too, and
over the queries. Pictures are averaged to 20 x 20 pixels, as in the paper; there are no random shifts and small turns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from agents.learner import Learner, Objective, Params, SupervisedTask
from agents.nn.cores import Core, run
from envs.core import Examples

SIDE = 20  # pixels that the core sees
LAST = "last_answer"


@dataclass(frozen=True)
class Stream(Learner[Tensor]):
    """see: pictures or numbers [S, ...] -> [S, I]. tell: answers [S, ...] -> [S, way], as the core is shown them."""

    core: Core
    encode_input: Callable[[Tensor], Tensor]
    encode_label: Callable[[Tensor, int], Tensor]
    objective: Objective
    way: int
    fixed_way: ClassVar[bool] = True

    def init(self, generator: torch.Generator) -> Params:
        weight = torch.empty(self.way, self.core.dim)
        torch.nn.init.xavier_uniform_(weight, generator=generator)
        return self.core.init(generator) | {"last.weight": weight, "last.bias": torch.zeros(self.way)}

    def initial_state(self, theta: Params) -> Params:
        return self.core.initial_state(theta) | {LAST: torch.zeros_like(theta["last.bias"])}

    def adapt(self, theta: Params, phi: Params, support: Examples) -> Params:
        """The memory after the support, in the order it comes."""
        return self.forward_sequence(theta, phi, support)[0]

    def forward_sequence(self, theta: Params, phi: Params, support: Examples) -> tuple[Params, Tensor]:
        """The memory after the support, and what was answered to each item before its own answer came, [S, way]."""
        answers = self.encode_label(support.y, self.way)
        told = torch.cat([phi[LAST][None], answers[:-1]])
        memory = {k: v for k, v in phi.items() if k != LAST}
        memory, features = run(self.core, theta, memory, torch.cat([self.encode_input(support.x), told], -1))
        return memory | {LAST: answers[-1]}, self._answer(theta, features)

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Tensor:
        """Logits, or numbers, [Q, way]: each query alone, from the same memory."""
        seen = self.encode_input(x)
        told = phi[LAST].expand(len(seen), -1)
        memory = {k: v for k, v in phi.items() if k != LAST}
        projected = self.core.project_input(theta, torch.cat([seen, told], -1))
        return self._answer(theta, self.core.step(theta, memory, projected)[1])

    def _answer(self, theta: Params, features: Tensor) -> Tensor:
        return F.linear(features, theta["last.weight"], theta["last.bias"])

    def loss(self, theta: Params, episode: SupervisedTask) -> Tensor:
        (support,) = episode.support
        phi, answers = self.forward_sequence(theta, self.initial_state(theta), support)
        asked = self.apply(theta, phi, episode.query.x)
        both = Examples(episode.query.x, torch.cat([support.y, episode.query.y]))
        return self.objective(torch.cat([answers, asked]), both)


def flatten_images(x: Tensor) -> Tensor:
    """[S, 1, H, H] -> [S, 400]."""
    return F.adaptive_avg_pool2d(x, SIDE).flatten(1)


def identity(x: Tensor) -> Tensor:
    """[S, I], as they are."""
    return x


def one_hot_labels(y: Tensor, way: int) -> Tensor:
    """Labels [S] -> [S, way], one-hot."""
    return (y[..., None] == torch.arange(way, device=y.device)).float()


def numbers_as_labels(y: Tensor, way: int) -> Tensor:
    """[S, way], as they are."""
    return y
