"""Regression of sine waves from a few points, as in MAML and Reptile.

MAML (Finn et al. 2017, section 5.1): y = A sin(x - phi), A in [0.1, 5], phi in [0, pi], x in [-5, 5].
Reptile (Nichol et al. 2018, section 2): the same with y = A sin(x + phi) and phi in [0, 2 pi].
"""

from __future__ import annotations

import math
from typing import Literal

import torch

from envs.core import Examples, Space, Tasks, Variable
from envs.variables import VariableSampler, draw_number, hashed_uniforms

REACH = 5.0  # x lies in [-5, 5]


class Sinusoid(VariableSampler):
    """`shot` points to adapt to and `query` points to evaluate on. Larger amplitudes, in [5, 6], are ood."""

    horizon = 1
    space = Space(obs=1, act=1)

    def __init__(self, shot: int = 10, query: int = 10, variant: Literal["maml", "reptile"] = "maml") -> None:
        self.shot, self.query = shot, query
        self.sign = -1.0 if variant == "maml" else 1.0
        largest = math.pi if variant == "maml" else 2 * math.pi
        super().__init__(
            (
                Variable("amplitude", ((0.1, 5.0),), ((5.0, 6.0),)),
                Variable("phase", ((0.0, largest),)),
                Variable("points", ((0.0, 1.0),), in_descriptor=False),  # seed of the positions x
            )
        )

    def examples(self, tasks: Tasks) -> tuple[Examples, Examples]:
        """Support x, y [N, shot, 1] and query [N, query, 1]."""
        seeds = draw_number(tasks.column("points"))
        x = REACH * (2 * hashed_uniforms(seeds, self.shot + self.query) - 1)
        y = tasks.column("amplitude")[:, None] * torch.sin(x + self.sign * tasks.column("phase")[:, None])
        both = Examples(x.float()[..., None], y.float()[..., None])
        support, query = (Examples(*(t[:, part] for t in both)) for part in (slice(self.shot), slice(self.shot, None)))
        return support, query
