"""Matching networks: O. Vinyals, C. Blundell, T. Lillicrap, K. Kavukcuoglu, D. Wierstra, 2016, arXiv 1606.04080.

Carried from task to task: an embedding, and with full context embeddings two recurrent readers. Formed within one task:
the embedded support set, each item read in the light of the others. A query is labelled by attention over the support.

Departure: the paper's cosine has no temperature; without one the softmax over numbers in [-1, 1] can hardly be sure, so
its scale is learned. `l2` attends by minus the squared distance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from agents.learner import Learner, Params, SupervisedTask
from agents.metric.support import BN_CHOICES, embed_query, embed_support, embed_task, measure, one_hot
from agents.nn.cells import init_lstm, lstm_cell
from agents.nn.embeddings import BatchNorm, Embedding
from agents.objectives import cross_entropy
from envs.core import Examples

SCALE = 10.0  # chosen: the initial inverse temperature
SMALL = 1e-8  # added to a probability before its logarithm


@dataclass(frozen=True)
class Matching(Learner[Tensor]):
    """`way` classes a task; fce: full context embeddings (sec. 2.1.2, app. A) with `reads` steps of attention."""

    embedding: Embedding
    way: int
    bn: BatchNorm = "running"
    distance: Literal["cosine", "l2"] = "cosine"
    fce: bool = False
    reads: int = 5
    bn_choices: ClassVar[tuple[str, ...]] = BN_CHOICES

    def init(self, generator: torch.Generator) -> Params:
        theta = self.embedding.init(generator) | {"log_scale": torch.tensor(SCALE).log()}
        d = self.embedding.dim
        if self.fce:
            theta |= init_lstm("forwards", d, d, generator) | init_lstm("backwards", d, d, generator)
            theta |= init_lstm("reader", d, d, generator, recurrent=2 * d)
        return theta

    def initial_state(self, theta: Params) -> Params:
        return {}

    def adapt(self, theta: Params, phi: Params, support: Examples) -> Params:
        """The support as memory: what it looks like [S, D], what it is [S, C]."""
        z, stats = embed_support(self.embedding, theta, support.x, self.bn)
        return self._remember(theta, z, support.y) | stats

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Tensor:
        """Log-probabilities [Q, C]."""
        return self._attend(theta, phi, embed_query(self.embedding, theta, phi, x, self.bn))

    def _remember(self, theta: Params, z: Tensor, y: Tensor) -> Params:
        return {"memory": in_context(theta, z) if self.fce else z, "labels": one_hot(y, self.way, z)}

    def _attend(self, theta: Params, phi: Params, z: Tensor) -> Tensor:
        """log sum_i a(x, x_i) y_i for features [Q, D], eq. 1."""
        if self.fce:
            z = read(theta, z, phi["memory"], self.reads)
        attention = self._likeness(theta, z, phi["memory"]).softmax(-1)  # [Q, S]
        return (attention @ phi["labels"] + SMALL).log()

    def _likeness(self, theta: Params, z: Tensor, memory: Tensor) -> Tensor:
        if self.distance == "l2":
            return -(z[:, None] - memory[None]).square().sum(-1)
        return theta["log_scale"].exp() * F.normalize(z, dim=-1) @ F.normalize(memory, dim=-1).T

    def measure_bn(self, theta: Params, task: SupervisedTask) -> Params:
        """Statistics of batch normalisation on a training task."""
        return measure(self.embedding, theta, task)

    def loss(self, theta: Params, episode: SupervisedTask) -> Tensor:
        z, queries = embed_task(self.embedding, theta, episode, self.bn)
        phi = self._remember(theta, z, episode.support[0].y)
        return cross_entropy(self._attend(theta, phi, queries), episode.query)


def in_context(theta: Params, z: Tensor) -> Tensor:
    """g_i = h->_i + h<-_i + g'_i: each support item [S, D] after a reading of all, both ways (appendix A.2)."""
    return _run(theta, "forwards", z) + _run(theta, "backwards", z.flip(0)).flip(0) + z


def _run(theta: Params, name: str, z: Tensor) -> Tensor:
    h = c = torch.zeros_like(z[0])
    seen = []
    for item in z:
        h, c = lstm_cell(theta, name, item, h, c)
        seen.append(h)
    return torch.stack(seen)


def read(theta: Params, f: Tensor, memory: Tensor, steps: int) -> Tensor:
    """Queries f' [Q, D] after `steps` of attention over the memory g [S, D] (appendix A.1, eq. 3 to 6)."""
    h, c = f, torch.zeros_like(f)
    for _ in range(steps):
        r = (h @ memory.T).softmax(-1) @ memory  # eq. 5, 6
        out, c = lstm_cell(theta, "reader", f, torch.cat([h, r], -1), c)  # eq. 3
        h = out + f  # eq. 4
    return h
