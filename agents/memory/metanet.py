"""Meta networks: T. Munkhdalai, H. Yu, 2017, arXiv 1703.00837.

Carried from task to task: slow weights of a base network b and of a representation u, and two meta-learners that make
fast weights of gradients. Formed within one task: fast weights of u, made by an LSTM d that reads the gradients of the
support slice by slice; and a memory with, for every item of the support, fast weights of b, made by a perceptron m from
that item's gradient, under the key that u gives the item. A query's key attends to the memory by cosine, and b answers
on its slow weights and on the mean of the fast ones. Slow and fast weights meet by layer augmentation
(`agents.nn.fast_weights`). Gradients are inputs here: nothing is differentiated through them, so that the last
layer of u, which only its own loss uses, keeps its random values.

An item is an example, or an episode of a task to act in. Of an episode the gradient is that of its surrogate, and the
key is the mean over its steps; while acting, every observation attends. The paper has classes only.

Departures, after the authors' code where it says more than the paper: one generator for convolutions and another for
dense layers; u is trained by cross entropy even where a class has several drawings (`verification` is the paper's
pairwise loss for those, here over all pairs, an item's gradient being its share of it); attention has a scale; He's
initial weights instead of LeCun's, and biases of m and d by which no gradient makes no weight; a mean over queries, not
a sum. Where there are several rounds of support, everything is formed anew from all. Before any support b answers on
its slow weights alone, which nothing trains it to do well: what counts is what it does afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from agents.distributions import Gaussian
from agents.learner import Data, Episode, Learner, Objective, Out, Params, SupervisedTask, Transitions
from agents.nn.fast_weights import Augmented, each, mixed, shared
from agents.nn.gradient_readers import init_d, init_m, log_and_sign, run_d, run_m
from agents.nn.perceptrons import MIN_LOG_STD
from envs.core import Examples

Representation = Literal["task", "verification"]
Head = Callable[[Params, Tensor], Out]
"""(theta, what the last layer says) -> logits, numbers, or a distribution over actions."""

BASE, EMBED, SEEN = "base.", "embed.", "seen."  # prefixes: of b and u in theta and phi, of the support in phi
KEYS, LOG_STD = "keys", "log_std"
TINY = 1e-8  # keeps the root of a distance differentiable


@dataclass(frozen=True)
class MetaNet(Learner[Out]):
    """base, embed: b and u. head: what b says. inner, outer: objectives of the meta information and of the queries.

    representation: u's loss, `task` for the inner objective (the authors' code), `verification` for the paper's.
    slices: the support is read by d in so many parts (5 in the authors' code), or fewer where it has fewer items.
    log_range: k, gradients below e^-k are told by their size alone (7, the authors' code).
    hidden: units of m and d (20, the authors' code). fast_gain: initial size of what they make; chosen.
    attention_scale: times the cosine, before the softmax (1, the authors' code).
    margin: by which unlike pairs are kept apart; chosen. init_std: of actions, where there are any.
    """

    base: Augmented
    embed: Augmented
    head: Head[Out]
    inner: Objective
    outer: Objective
    way: int = 1
    representation: Representation = "task"
    slices: int = 5
    log_range: float = 7.0
    hidden: int = 20
    fast_gain: float = 0.1
    attention_scale: float = 1.0
    margin: float = 1.0
    init_std: float | None = None
    rounds: int = 1
    fixed_way: ClassVar[bool] = True
    items_at_once: ClassVar[int] = 40

    def init(self, generator: torch.Generator) -> Params:
        theta = with_prefix(BASE, self.base.init(generator)) | with_prefix(EMBED, self.embed.init(generator))
        for kind in self.base.kinds:
            theta |= init_m(f"m.{kind}", self.hidden, self.fast_gain, generator)
            theta |= init_d(f"d.{kind}", self.hidden, self.slices, self.fast_gain, generator)
        if self.init_std is not None:
            theta[LOG_STD] = torch.full((self.base.denses[-1].outputs,), self.init_std).log()
        return theta

    def initial_state(self, theta: Params) -> Params:
        """Nothing: b acts on its slow weights alone."""
        return {}

    def adapt(self, theta: Params, phi: Params, support: Data) -> Params:
        """Fast weights of u, and the memory: keys [I, D] and fast weights of b [I, ...]."""
        items = after(part(phi, SEEN), by_item(support))
        slow = part(theta, EMBED)
        fast = self.task_level(theta, items)
        keys = mean_over_steps(self.embed.key(items.x, shared(slow), shared(fast)), items)
        memory = with_prefix(BASE, self.example_level(theta, items))
        return with_prefix(SEEN, items._asdict()) | with_prefix(EMBED, fast) | {KEYS: keys} | memory

    def task_level(self, theta: Params, items: Data) -> Params:
        """u's fast weights by d, all but those of its last layer, which no key needs."""

        def loss(weights: Params) -> Tensor:
            if self.representation == "verification":
                assert isinstance(items, Examples)
                return contrastive(self.embed.key(items.x, each(weights)), items.y, self.margin)
            return self._own_losses(theta, self.embed, weights, items)

        gradients = item_gradients(loss, part(theta, EMBED), len(items.x))
        slices = {k: slice_means(v, self.slices) for k, v in gradients.items() if k != self.embed.last}
        return self._make(slices, lambda kind, seen: run_d(theta, f"d.{kind}", seen))

    def example_level(self, theta: Params, items: Data) -> Params:
        """b's fast weights by m, [I, ...]."""

        def loss(weights: Params) -> Tensor:
            return self._own_losses(theta, self.base, weights, items)

        gradients = item_gradients(loss, part(theta, BASE), len(items.x))
        return self._make(gradients, lambda kind, seen: run_m(theta, f"m.{kind}", seen))

    def _own_losses(self, theta: Params, network: Augmented, weights: Params, items: Data) -> Tensor:
        """Every item's loss under weights of its own, summed."""
        constant = {k: v.detach() for k, v in theta.items()}
        return len(items.x) * self.inner(self.head(constant, network(items.x, each(weights))), items)

    def _make(self, gradients: Params, learn: Callable[[str, Tensor], Tensor]) -> Params:
        """Fast weights from gradients [K, ...], a kind of layer at a time."""
        fast: Params = {}
        for kind in self.base.kinds:
            shapes = {k: v.shape[1:] for k, v in gradients.items() if k.startswith(kind)}
            flat = torch.cat([gradients[k].flatten(1) for k in shapes], 1)  # [K, P]
            made = learn(kind, log_and_sign(flat, self.log_range))  # [P] or [K, P]
            parts = torch.split(made, [s.numel() for s in shapes.values()], -1)
            fast |= {k: w.reshape(*w.shape[:-1], *s) for (k, s), w in zip(shapes.items(), parts, strict=True)}
        return fast

    def apply(self, theta: Params, phi: Params, x: Tensor) -> Out:
        """x [..., O] or [Q, 1, H, H]."""
        leading = x.shape[: -self.base.event_dims]
        rows = x.flatten(0, len(leading) - 1)
        branches = [shared(part(theta, BASE))]
        if phi:
            key = self.embed.key(rows, shared(part(theta, EMBED)), shared(part(phi, EMBED)))
            branches.append(mixed(part(phi, BASE), self.attention(key, phi[KEYS])))
        return self.head(theta, self.base(rows, *branches).reshape(*leading, -1))

    def attention(self, key: Tensor, keys: Tensor) -> Tensor:
        """Softmax of the cosines of keys [Q, D] and [I, D], [Q, I]."""
        cosine = F.normalize(key, dim=-1) @ F.normalize(keys, dim=-1).T
        return (self.attention_scale * cosine).softmax(-1)

    def loss(self, theta: Params, episode: Episode | SupervisedTask) -> Tensor:
        phi = self.initial_state(theta)
        for support in episode.support:
            phi = self.adapt(theta, phi, support)
        return self.outer(self.apply(theta, phi, episode.query.x), episode.query)


def identity_head(theta: Params, out: Tensor) -> Tensor:
    """Logits, or numbers."""
    return out


def gaussian_head(theta: Params, out: Tensor) -> Gaussian:
    """A mean and a free log standard deviation, which is no fast weight."""
    return Gaussian(out, theta[LOG_STD].clamp_min(MIN_LOG_STD).expand_as(out))


def item_gradients(loss: Callable[[Params], Tensor], weights: Params, count: int) -> Params:
    """Each item's share [I, ...] of the gradient of `loss`, which runs every item on a detached copy of the weights."""
    copies = {k: v.detach().expand(count, *v.shape) for k, v in weights.items()}
    shares: Params = torch.func.grad(loss)(copies)
    return shares


def slice_means(gradients: Tensor, slices: int) -> Tensor:
    """Items [I, ...] -> [T, ...], in order and as equal as can be."""
    return torch.stack([s.mean(0) for s in gradients.tensor_split(min(slices, len(gradients)))])


def contrastive(z: Tensor, y: Tensor, margin: float) -> Tensor:
    """Half of d^2 for like and of max(0, margin - d)^2 for unlike (Hadsell et al. 2006), summed over pairs of z [I, D].

    It is divided by the others that each item meets, so that an item weighs as one.
    """
    d = ((z[:, None] - z[None]).square().sum(-1) + TINY).sqrt()  # [I, I]
    like = y[:, None] == y[None]
    pairs = 0.5 * torch.where(like, d.square(), (margin - d).clamp_min(0).square())
    return pairs.sum() / max(len(z) - 1, 1)


def by_item(data: Data) -> Data:
    """Items first: examples as they are, transitions by episode, [E, T, ...]."""
    return data if isinstance(data, Examples) else Transitions(*(t.transpose(0, 1) for t in data))


def after(seen: Params, items: Data) -> Data:
    """Items behind those of earlier rounds."""
    if not seen:
        return items
    return items._replace(**{k: torch.cat([seen[k], v]) for k, v in items._asdict().items()})


def mean_over_steps(key: Tensor, items: Data) -> Tensor:
    """Keys [I, D]: of an example its own, of an episode the mean over the steps taken."""
    if isinstance(items, Examples):
        return key
    alive = items.alive[..., None]
    return torch.where(alive, key, 0.0).sum(1) / alive.sum(1).clamp_min(1)


def part(params: Params, prefix: str) -> Params:
    """What stands under a prefix, without it."""
    return {k.removeprefix(prefix): v for k, v in params.items() if k.startswith(prefix)}


def with_prefix(prefix: str, params: Params) -> Params:
    """The same under a prefix."""
    return {prefix + k: v for k, v in params.items()}
