"""Matching networks: O. Vinyals, C. Blundell, T. Lillicrap, K. Kavukcuoglu, D. Wierstra, 2016, Matching networks for
one shot learning, arXiv 1606.04080.

Carried from task to task: an embedding and, with full context embeddings, two recurrent readers. Formed within one
task: the embedded support set, each item embedded in the context of the others. A query is classified by attention over
the support.

Departure: the paper's cosine has no temperature, and a softmax over numbers in [-1, 1] is nearly uniform; here its
scale is learned, unless it is given: `scale` 1 is the paper's. `l2` attends by the negative squared distance.

Axes: `S` support images, `Q` query images, `C` classes, `D` embedding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from agents.metric.support import MetricLearner, embed_query, embed_support, embed_task, one_hot
from agents.nn.cells import init_lstm, lstm_cell
from agents.nn.embeddings import BatchNorm, Embedding
from agents.objectives import cross_entropy
from agents.records import Params, SupervisedTask
from envs.core import Examples

SCALE = 10.0  # chosen: the initial inverse temperature
SMALL = 1e-8  # added to a probability before its logarithm


@dataclass(frozen=True)
class Matching(MetricLearner):
    """way: classes of a task. bn: statistics of batch normalisation (`agents.nn.embeddings`).

    fce: full context embeddings (section 2.1.2, appendix A), with `reads` steps of attention for a query. scale: factor
    of the cosine; None learns it, from 10 on.
    """

    embedding: Embedding
    way: int
    bn: BatchNorm = "running"
    distance: Literal["cosine", "l2"] = "cosine"
    fce: bool = False
    reads: int = 5
    scale: float | None = None

    def init(self, generator: torch.Generator) -> Params:
        theta = self.embedding.init(generator)
        if self.scale is None:
            theta["log_scale"] = torch.tensor(SCALE).log()
        d = self.embedding.dim
        if self.fce:
            theta |= init_lstm("forwards", d, d, generator) | init_lstm("backwards", d, d, generator)
            theta |= init_lstm("reader", d, d, generator, recurrent=2 * d)
        return theta

    def adapt(self, theta: Params, phi: Params, support: Examples) -> Params:
        """The support as memory: embeddings [S, D] and one-hot labels [S, C]."""
        z, stats = embed_support(self.embedding, theta, support.x, self.bn)
        return self._memory(theta, z, support.y) | stats

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Tensor:
        """Log-probabilities [Q, C]."""
        return self._log_probs(theta, phi, embed_query(self.embedding, theta, phi, x, self.bn))

    def _memory(self, theta: Params, z: Tensor, y: Tensor) -> Params:
        return {"memory": support_in_context(theta, z) if self.fce else z, "labels": one_hot(y, self.way, z)}

    def _log_probs(self, theta: Params, phi: Params, z: Tensor) -> Tensor:
        """log sum_i a(x, x_i) y_i for embeddings [Q, D], eq. 1."""
        if self.fce:
            z = query_in_context(theta, z, phi["memory"], self.reads)
        attention = self._similarity(theta, z, phi["memory"]).softmax(-1)  # [Q, S]
        return (attention @ phi["labels"] + SMALL).log()

    def _similarity(self, theta: Params, z: Tensor, memory: Tensor) -> Tensor:
        """Embeddings [Q, D] and [S, D] -> [Q, S]."""
        if self.distance == "l2":
            return -(z[:, None] - memory[None]).square().sum(-1)
        scale = theta["log_scale"].exp() if self.scale is None else self.scale
        return scale * F.normalize(z, dim=-1) @ F.normalize(memory, dim=-1).T

    def loss(self, theta: Params, episode: SupervisedTask) -> Tensor:
        """Cross entropy of the queries."""
        z, queries = embed_task(self.embedding, theta, episode, self.bn)
        phi = self._memory(theta, z, episode.support[0].y)
        return cross_entropy(self._log_probs(theta, phi, queries), episode.query)


def support_in_context(theta: Params, z: Tensor) -> Tensor:
    """g_i = h->_i + h<-_i + g'_i: support embeddings [S, D] after a bidirectional LSTM over all (appendix A.2)."""
    return _run_lstm(theta, "forwards", z) + _run_lstm(theta, "backwards", z.flip(0)).flip(0) + z


def _run_lstm(theta: Params, name: str, z: Tensor) -> Tensor:
    h = c = torch.zeros_like(z[0])
    outputs = []
    for item in z:
        h, c = lstm_cell(theta, name, item, h, c)
        outputs.append(h)
    return torch.stack(outputs)


def query_in_context(theta: Params, f: Tensor, memory: Tensor, steps: int) -> Tensor:
    """Query embeddings f' [Q, D] after `steps` of attention over the memory g [S, D] (appendix A.1, eq. 3 to 6)."""
    h, c = f, torch.zeros_like(f)
    for _ in range(steps):
        r = (h @ memory.T).softmax(-1) @ memory  # eq. 5, 6
        out, c = lstm_cell(theta, "reader", f, torch.cat([h, r], -1), c)  # eq. 3
        h = out + f  # eq. 4
    return h
