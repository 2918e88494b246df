"""Few-shot learning as a sequence: a memory reads the examples of a task one after the other (Santoro et al. 2016,
section 2, arXiv 1605.06065).

The label of each example is shown together with the next example, so that a class can only be recognised if its label
was bound to it and stored in memory. Carried from task to task: a core and an output layer. Formed within one task: the
core's memory after the support. Every query is then answered from that same memory.

The loss covers every example of the support before its own label is shown, including the first of each class, whose
label can only be guessed, and the queries. Images are averaged to 20 x 20 pixels, as in the paper; unlike there, they
are not randomly shifted and slightly rotated.

Axes: `S` support items, `Q` queries, `I` input.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from agents.learner import Learner, Objective
from agents.nn.cores import Core, run
from agents.records import Params, SupervisedTask, without_prefix
from envs.core import Examples

SIDE = 20  # pixels, height and width of an image as the core reads it
LAST_LABEL = "last_answer"  # in phi


@dataclass(frozen=True)
class Stream(Learner[Tensor]):
    """encode_input: images or numbers [S, ...] -> [S, I]. encode_label: labels [S, ...] -> [S, way], for the core."""

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
        return self.core.initial_state(theta) | {LAST_LABEL: torch.zeros_like(theta["last.bias"])}

    def adapt(self, theta: Params, phi: Params, support: Examples) -> Params:
        """The memory after the support, in its order."""
        return self.forward_sequence(theta, phi, support)[0]

    def forward_sequence(self, theta: Params, phi: Params, support: Examples) -> tuple[Params, Tensor]:
        """The memory after the support, and the outputs for each item before its own label is shown, [S, way]."""
        labels = self.encode_label(support.y, self.way)
        previous = torch.cat([phi[LAST_LABEL][None], labels[:-1]])
        memory = without_prefix(LAST_LABEL, phi)
        memory, features = run(self.core, theta, memory, torch.cat([self.encode_input(support.x), previous], -1))
        return memory | {LAST_LABEL: labels[-1]}, self._output(theta, features)

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Tensor:
        """Logits or numbers [Q, way]; every query starts from the same memory."""
        inputs = self.encode_input(x)
        previous = phi[LAST_LABEL].expand(len(inputs), -1)
        memory = without_prefix(LAST_LABEL, phi)
        projected = self.core.project_input(theta, torch.cat([inputs, previous], -1))
        return self._output(theta, self.core.step(theta, memory, projected)[1])

    def _output(self, theta: Params, features: Tensor) -> Tensor:
        return F.linear(features, theta["last.weight"], theta["last.bias"])

    def loss(self, theta: Params, episode: SupervisedTask) -> Tensor:
        (support,) = episode.support
        phi, support_out = self.forward_sequence(theta, self.initial_state(theta), support)
        query_out = self.apply(theta, phi, episode.query.x)
        targets = Examples(episode.query.x, torch.cat([support.y, episode.query.y]))
        return self.objective(torch.cat([support_out, query_out]), targets)


def flatten_images(x: Tensor) -> Tensor:
    """Images [S, c, H, H] -> [S, c * 400]."""
    return F.adaptive_avg_pool2d(x, SIDE).flatten(1)


def identity(x: Tensor) -> Tensor:
    """Numbers [S, I], unchanged."""
    return x


def one_hot_labels(y: Tensor, way: int) -> Tensor:
    """Labels [S] -> [S, way], one-hot."""
    return (y[..., None] == torch.arange(way, device=y.device)).float()


def numbers_as_labels(y: Tensor, way: int) -> Tensor:
    """Numbers [S, way], unchanged."""
    return y
