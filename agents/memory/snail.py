"""A simple neural attentive learner: N. Mishra, M. Rohaninejad, X. Chen, P. Abbeel, 2018, arXiv 1707.03141.

Its memory is what was: temporal convolutions gather the near past, attention picks from the far one. Each block is a
stack of dense blocks, causal convolutions over two steps that lie ever further apart, and an attention over all steps
so far; each adds its features to those it was given.

Here the past is a memory like any other, so that the same code acts step by step and learns from whole sequences at
once: the inputs that a convolution will look back to, and the keys and values of the last `length` steps.

Departure: at most `length` steps are attended to, the newest; the paper's sequences are as long as that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from agents.records import Params

AGE = "age"
NEVER = -1e9  # of what was not yet, before the softmax


@dataclass(frozen=True)
class SNAIL:
    """filters: of a convolution (32 in the paper's reinforcement learning). keys: width of a key and of a value (32).

    blocks: of convolutions and an attention. length: steps that are looked back to.
    """

    inputs: int
    filters: int = 32
    keys: int = 32
    blocks: int = 1
    length: int = 256

    @property
    def _depth(self) -> int:
        """Convolutions of a block: together they reach over `length` steps."""
        return max(1, math.ceil(math.log2(self.length)))

    def _layers(self) -> list[tuple[str, int, int]]:
        """Name, inputs, and steps apart (0 for an attention) of every layer."""
        layers, width = [], self.filters
        for b in range(self.blocks):
            for i in range(self._depth):
                layers.append((f"conv{b}.{i}", width, 2**i))
                width += self.filters
            layers.append((f"attention{b}", width, 0))
            width += self.keys
        return layers

    @property
    def dim(self) -> int:
        return self.filters * (1 + self.blocks * self._depth) + self.blocks * self.keys

    def init(self, generator: torch.Generator) -> Params:
        def weight(rows: int, columns: int) -> Tensor:
            return torch.nn.init.xavier_uniform_(torch.empty(rows, columns), generator=generator)

        theta = {"embed.weight": weight(self.filters, self.inputs), "embed.bias": torch.zeros(self.filters)}
        for name, width, apart in self._layers():
            if apart:
                theta[f"{name}.weight"] = weight(2 * self.filters, 2 * width)
                theta[f"{name}.bias"] = torch.zeros(2 * self.filters)
            else:
                theta[f"{name}.weight"] = weight(3 * self.keys, width)
                theta[f"{name}.bias"] = torch.zeros(3 * self.keys)
        return theta

    def initial_state(self, theta: Params) -> Params:
        like = theta["embed.bias"]
        memory = {AGE: like.new_zeros(1)}
        for name, width, apart in self._layers():
            memory[name] = like.new_zeros(apart, width) if apart else like.new_zeros(self.length, 2 * self.keys)
        return memory

    def project_input(self, theta: Params, x: Tensor) -> Tensor:
        return F.linear(x, theta["embed.weight"], theta["embed.bias"])

    def step(self, theta: Params, memory: Params, projected: Tensor) -> tuple[Params, Tensor]:
        memory, features = self.run(theta, memory, projected[None])
        return memory, features[0]

    def run(self, theta: Params, memory: Params, projected: Tensor) -> tuple[Params, Tensor]:
        """A sequence [L, ..., filters] at once -> the memory after it, and the features of every step [L, ..., dim]."""
        steps, lead = len(projected), projected.shape[1:-1]
        x = projected.movedim(0, -2)  # [..., L, filters]
        new = {AGE: memory[AGE] + torch.full((*lead, 1), float(steps), device=x.device)}
        for name, _, apart in self._layers():
            weight, bias = theta[f"{name}.weight"], theta[f"{name}.bias"]
            if apart:
                past = torch.cat([memory[name].expand(*lead, *memory[name].shape[-2:]), x], -2)  # [..., apart + L, W]
                gate, value = F.linear(torch.cat([past[..., :steps, :], x], -1), weight, bias).chunk(2, -1)
                new[name] = past[..., -apart:, :]
                x = torch.cat([x, gate.sigmoid() * value.tanh()], -1)
            else:
                query, rest = torch.split(F.linear(x, weight, bias), [self.keys, 2 * self.keys], -1)
                past = torch.cat([memory[name].expand(*lead, *memory[name].shape[-2:]), rest], -2)
                x = torch.cat([x, self._attend(query, past, memory[AGE])], -1)
                new[name] = past[..., -self.length :, :]
        return new, x.movedim(-2, 0)

    def _attend(self, query: Tensor, past: Tensor, age: Tensor) -> Tensor:
        """What each of L steps picks, [..., L, K], by its query [..., L, K]: a step sees itself and the `length` - 1
        before it. past: keys and values [..., length + L, 2 K], of the first `length` of which `age` [..., 1] are real.
        """
        keys, values = past.chunk(2, -1)
        scores = query @ keys.mT / math.sqrt(self.keys)  # [..., L, length + L]
        now = torch.arange(query.shape[-2], device=query.device)[:, None] + self.length
        then = torch.arange(past.shape[-2], device=query.device)[None]
        near = (then <= now) & (then > now - self.length)
        real = then[0] >= self.length - age  # [..., length + L]
        seen = near & real[..., None, :]
        return torch.where(seen, scores, NEVER).softmax(-1) @ values
