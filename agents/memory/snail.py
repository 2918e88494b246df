"""SNAIL: N. Mishra, M. Rohaninejad, X. Chen, P. Abbeel, 2018, A simple neural attentive meta-learner, arXiv 1707.03141.

Carried from task to task: the weights of temporal convolutions, which aggregate the recent past, and of causal
attention, which retrieves from the distant one. Formed within one sequence: the stored past. Each block is a stack of
dense blocks, causal convolutions over two steps with increasing dilation, and an attention over all steps so far; each
layer concatenates its features to its input.

The past is the core's memory, so that the same code acts step by step and trains on whole sequences in parallel: the
inputs that each convolution still needs, and the keys and values of the last `length` steps.

Departure: attention covers at most the last `length` steps; in the paper, whole sequences, which are as long as that.

Axes: `L` steps, `I` input, `K` keys and values, `W` width of a layer's input.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from agents.records import Params

AGE = "age"
MASKED = -1e9  # score of a masked step before the softmax


@dataclass(frozen=True)
class SNAIL:
    """filters: of a convolution (32 in the paper's reinforcement learning). keys: width of a key and of a value (32).

    blocks: each is a stack of convolutions and an attention. length: number of steps that attention looks back.
    """

    inputs: int
    filters: int = 32
    keys: int = 32
    blocks: int = 1
    length: int = 256

    @property
    def _depth(self) -> int:
        """Convolutions of a block, whose receptive field is `length` steps."""
        return max(1, math.ceil(math.log2(self.length)))

    def _layers(self) -> list[tuple[str, int, int]]:
        """Name, input width, and dilation (0 for an attention) of every layer."""
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
        for name, width, dilation in self._layers():
            if dilation:
                theta[f"{name}.weight"] = weight(2 * self.filters, 2 * width)
                theta[f"{name}.bias"] = torch.zeros(2 * self.filters)
            else:
                theta[f"{name}.weight"] = weight(3 * self.keys, width)
                theta[f"{name}.bias"] = torch.zeros(3 * self.keys)
        return theta

    def initial_state(self, theta: Params) -> Params:
        like = theta["embed.bias"]
        memory = {AGE: like.new_zeros(1)}
        for name, width, dilation in self._layers():
            memory[name] = like.new_zeros(dilation, width) if dilation else like.new_zeros(self.length, 2 * self.keys)
        return memory

    def project_input(self, theta: Params, x: Tensor) -> Tensor:
        return F.linear(x, theta["embed.weight"], theta["embed.bias"])

    def step(self, theta: Params, memory: Params, projected: Tensor) -> tuple[Params, Tensor]:
        memory, features = self.run(theta, memory, projected[None])
        return memory, features[0]

    def run(self, theta: Params, memory: Params, projected: Tensor) -> tuple[Params, Tensor]:
        """A sequence [L, ..., filters] in parallel -> the memory after it, and features of every step [L, ..., dim]."""
        steps, lead = len(projected), projected.shape[1:-1]
        x = projected.movedim(0, -2)  # [..., L, filters]
        new = {AGE: memory[AGE] + torch.full((*lead, 1), float(steps), device=x.device)}
        for name, _, dilation in self._layers():
            weight, bias = theta[f"{name}.weight"], theta[f"{name}.bias"]
            if dilation:
                past = torch.cat(
                    [memory[name].expand(*lead, *memory[name].shape[-2:]), x], -2
                )  # [..., dilation + L, W]
                gate, value = F.linear(torch.cat([past[..., :steps, :], x], -1), weight, bias).chunk(2, -1)
                new[name] = past[..., -dilation:, :]
                x = torch.cat([x, gate.sigmoid() * value.tanh()], -1)
            else:
                query, key_value = torch.split(F.linear(x, weight, bias), [self.keys, 2 * self.keys], -1)
                past = torch.cat([memory[name].expand(*lead, *memory[name].shape[-2:]), key_value], -2)
                x = torch.cat([x, self._attend(query, past, memory[AGE])], -1)
                new[name] = past[..., -self.length :, :]
        return new, x.movedim(-2, 0)

    def _attend(self, query: Tensor, past: Tensor, age: Tensor) -> Tensor:
        """Attended values [..., L, K] for queries [..., L, K]. A step attends to itself and the `length` - 1 before it.

        past: keys and values [..., length + L, 2 K]; the last `age` [..., 1] of the first `length` are valid.
        """
        keys, values = past.chunk(2, -1)
        scores = query @ keys.mT / math.sqrt(self.keys)  # [..., L, length + L]
        now = torch.arange(query.shape[-2], device=query.device)[:, None] + self.length
        then = torch.arange(past.shape[-2], device=query.device)[None]
        causal = (then <= now) & (then > now - self.length)
        valid = then[0] >= self.length - age  # [..., length + L]
        mask = causal & valid[..., None, :]
        return torch.where(mask, scores, MASKED).softmax(-1) @ values
