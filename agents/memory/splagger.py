"""Split aggregation, for SplAgger: J. Beck, M. Jackson, R. Vuorio, Z. Xiong, S. Whiteson, 2024, SplAgger: split
aggregation for meta-reinforcement learning, arXiv 2403.03020.

Half of a GRU's features are passed on as they are; of the other half, the largest value of each so far in the trial. A
maximum does not depend on the order of the steps, as a posterior over tasks does not, and it forgets nothing.
As in the authors' code the maximum starts at 0 and has its ordinary gradient, not that of AMRL (Beck et al. 2020).

Axes: `T` time steps, `B` sequences, `I` input, `H` hidden units.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from agents.nn.cores import GRU
from agents.records import Params

MAX = "max"  # in the memory: the largest values so far


@dataclass(frozen=True)
class SplitMaxGRU(GRU):
    """A GRU with H hidden units, H even, whose last H / 2 features are running maxima."""

    @property
    def _half(self) -> int:
        return self.hidden // 2

    def initial_state(self, theta: Params) -> Params:
        return super().initial_state(theta) | {MAX: theta["controller.bias"].new_zeros(self._half)}

    def step(self, theta: Params, memory: Params, projected: Tensor) -> tuple[Params, Tensor]:
        after, h = super().step(theta, memory, projected)
        largest = torch.maximum(memory[MAX], h[..., self._half :])
        return after | {MAX: largest}, torch.cat([h[..., : self._half], largest], -1)

    def fused(self, theta: Params, memory: Params, x: Tensor) -> tuple[Params, Tensor]:
        after, h = super().fused(theta, memory, x)
        start = memory[MAX].expand(1, x.shape[1], -1)
        largest = torch.cummax(torch.cat([start, h[..., self._half :]]), 0).values[1:]
        return after | {MAX: largest[-1]}, torch.cat([h[..., : self._half], largest], -1)
