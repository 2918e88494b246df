"""A causal transformer as the memory of RL^2: L. C. Melo, 2022, Transformers are meta-reinforcement learners, arXiv
2206.06614; J. Grigsby, L. Fan, Y. Zhu, 2024, AMAGO: scalable in-context reinforcement learning for adaptive agents,
arXiv 2310.09971. Positions are rotary: J. Su et al., 2021, RoFormer: enhanced transformer with rotary position
embedding, arXiv 2104.09864.

Carried from task to task: the weights of a decoder, layer normalisation before each of its parts. Formed within one
task: the keys and values of the last `length` steps in every layer, which last from episode to episode. They are the
core's memory, so that the same code acts step by step and trains on whole sequences in parallel.

Departures: trained by PPO on whole trials, as RL^2; AMAGO learns off-policy from replayed trials, with an ensemble of
critics for several discounts. Melo starts by T-Fixup, without layer normalisation, and keeps a short working memory;
here layers are normalised before each part, and branches start small. The policy also sees the present input, beside
the features.

Axes: `L` steps, `S` steps attended to, `H` hidden units, `N` heads, `D` units of a head.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from agents.records import Params

Attend = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
AGE = "age"  # steps so far
MASKED = -1e9  # score of a masked step before the softmax
WIDER = 4  # units of a layer's perceptron for each hidden unit (Vaswani et al. 2017)
SLOWEST = 10_000.0  # base of the wavelengths (Su et al. 2021, section 3.2.2)


@dataclass(frozen=True)
class Transformer:
    """hidden: H, a multiple of 2 `heads`. length: steps that a layer's attention sees, the present one among them."""

    inputs: int
    hidden: int = 64
    heads: int = 4
    layers: int = 2
    length: int = 256

    @property
    def dim(self) -> int:
        return self.hidden

    def init(self, generator: torch.Generator) -> Params:
        """Xavier-uniform weights; those that end a branch are divided by sqrt(2 layers) (Radford et al. 2019)."""
        size, end = self.hidden, (2 * self.layers) ** -0.5
        theta = linear("embed", self.inputs, size, 1.0, generator) | norm("last_norm", size)
        bound = self.inputs**-0.5  # as in torch: of an input of zeros, normalisation with no bias has vast gradients
        theta["embed.bias"].uniform_(-bound, bound, generator=generator)
        for i in range(self.layers):
            theta |= norm(f"norm{i}.attention", size) | linear(f"attend{i}", size, 3 * size, 1.0, generator)
            theta |= linear(f"attended{i}", size, size, end, generator)
            theta |= norm(f"norm{i}.perceptron", size) | linear(f"widen{i}", size, WIDER * size, 1.0, generator)
            theta |= linear(f"narrow{i}", WIDER * size, size, end, generator)
        return theta

    def initial_state(self, theta: Params) -> Params:
        like = theta["embed.bias"]
        empty = like.new_zeros(self.heads, self.length - 1, self.hidden // self.heads)
        return {AGE: like.new_zeros(1)} | {
            f"{part}{i}": empty for i in range(self.layers) for part in ("keys", "values")
        }

    def project_input(self, theta: Params, x: Tensor) -> Tensor:
        return apply_linear(theta, "embed", x)

    def step(self, theta: Params, memory: Params, projected: Tensor) -> tuple[Params, Tensor]:
        memory, features = self.run(theta, memory, projected[None])
        return memory, features[0]

    def run(self, theta: Params, memory: Params, projected: Tensor) -> tuple[Params, Tensor]:
        """A sequence [L, ..., H] in parallel -> the memory after it, and features of every step [L, ..., H]."""
        return self._decode(theta, memory, projected, attend)

    def fused(self, theta: Params, memory: Params, x: Tensor) -> tuple[Params, Tensor]:
        return self._decode(theta, memory, self.project_input(theta, x), fused_attend)

    def _decode(self, theta: Params, memory: Params, projected: Tensor, attend: Attend) -> tuple[Params, Tensor]:
        steps, lead = len(projected), projected.shape[1:-1]
        x = projected.movedim(0, -2)  # [..., L, H]
        now = torch.arange(steps, device=x.device)
        turns = rotations(memory[AGE] + now, self.hidden // self.heads)  # [..., 1, L, D / 2]
        mask = self._mask(memory[AGE], now)
        new = {AGE: memory[AGE] + x.new_full((*lead, 1), float(steps))}
        for i in range(self.layers):
            heads = apply_linear(theta, f"attend{i}", apply_norm(theta, f"norm{i}.attention", x))  # [..., L, 3 H]
            query, key, value = heads.reshape(*lead, steps, 3, self.heads, -1).movedim(-4, -2).unbind(-4)
            keys = past_and(memory[f"keys{i}"], rotate(key, turns))  # [..., N, S, D]
            values = past_and(memory[f"values{i}"], value)
            attended = attend(rotate(query, turns), keys, values, mask)  # [..., N, L, D]
            x = x + apply_linear(theta, f"attended{i}", attended.transpose(-3, -2).flatten(-2))
            wide = apply_linear(theta, f"widen{i}", apply_norm(theta, f"norm{i}.perceptron", x))
            x = x + apply_linear(theta, f"narrow{i}", F.gelu(wide))
            new |= {f"keys{i}": keys[..., steps:, :], f"values{i}": values[..., steps:, :]}
        return new, apply_norm(theta, "last_norm", x).movedim(-2, 0)

    def _mask(self, age: Tensor, now: Tensor) -> Tensor:
        """Which steps [..., 1, L, S] each of the steps `now` [L] sees: itself, and `length` - 1 before, once taken."""
        then = torch.arange(len(now) + self.length - 1, device=now.device) - (self.length - 1)  # [S]
        near = (then <= now[:, None]) & (then > now[:, None] - self.length)  # [L, S]
        taken = then >= -age  # [..., S]
        return near & taken[..., None, None, :]


def rotations(positions: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines [..., 1, L, D / 2] of the angles of every pair of units, at positions [..., L]."""
    pairs = torch.arange(width // 2, device=positions.device, dtype=positions.dtype)
    angles = positions[..., None, :, None] * SLOWEST ** (-2 * pairs / width)  # section 3.2.2: m theta_i
    return angles.cos(), angles.sin()


def rotate(x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
    """Vectors [..., N, L, D] with pairs of units, one of each half, turned (eq. 34)."""
    (a, b), (cos, sin) = x.chunk(2, -1), turns
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


def attend(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """Attended values of queries [..., N, L, D], given keys and values [..., N, S, D], [..., N, L, D]."""
    scores = query @ keys.mT / math.sqrt(query.shape[-1])  # [..., N, L, S]
    return scores.masked_fill(~mask, MASKED).softmax(-1) @ values


def fused_attend(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """The same by torch's kernel, which stores no scores, for one batch axis; it has no `vmap` rule."""
    out: Tensor = F.scaled_dot_product_attention(query, keys, values, attn_mask=mask.view(-1, *mask.shape[-3:]))
    return out


def past_and(past: Tensor, new: Tensor) -> Tensor:
    """Keys or values of the past [..., N, length - 1, D], which may lack leading axes, and new ones [..., N, L, D]."""
    return torch.cat([past.expand(*new.shape[:-3], *past.shape[-3:]), new], -2)


def linear(name: str, inputs: int, outputs: int, gain: float, generator: torch.Generator) -> Params:
    weight = torch.nn.init.xavier_uniform_(torch.empty(outputs, inputs), gain, generator=generator)
    return {f"{name}.weight": weight, f"{name}.bias": torch.zeros(outputs)}


def apply_linear(theta: Params, name: str, x: Tensor) -> Tensor:
    return F.linear(x, theta[f"{name}.weight"], theta[f"{name}.bias"])


def norm(name: str, size: int) -> Params:
    return {f"{name}.weight": torch.ones(size), f"{name}.bias": torch.zeros(size)}


def apply_norm(theta: Params, name: str, x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], theta[f"{name}.weight"], theta[f"{name}.bias"])
