"""What a policy observes: what the sensors of a real robot measure, with noise and latency.

Scales and noise: legged_gym (Rudin et al. 2022, arXiv 2109.11978, code).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from envs import rng
from envs.legged.state import LeggedState

COMMAND_SCALE = (2.0, 2.0, 0.25)


SCALES = {  # of angular velocity of the base in rad/s, direction of gravity, joint angles from the start pose in rad,
    # joint velocities in rad/s, and heights of the ground in m, where they are scanned
    "ang_vel": 0.25,
    "gravity": 1.0,
    "joint_pos": 1.0,
    "joint_vel": 0.05,
    "height": 5.0,
}


class Sensors:
    """The observation of every world: measured channels, then the command and the latest action, which are known.

    noise: of each channel, of a uniform error to both sides, in its unit. delay: control steps by which measurements
    are late. scans: whether heights are measured.
    """

    def __init__(self, noise: Mapping[str, float], delay: int, *, scans: bool) -> None:
        self.delay = delay
        self.noise = {name: noise.get(name, 0.0) for name in SCALES if scans or name != "height"}
        self._past: list[Tensor] = []  # measurements, the latest last

    def observe(self, state: LeggedState, heights: Tensor | None, generator: torch.Generator) -> Tensor:
        """obs [W, O] after a step."""
        self._past = [*self._past, self._measure(state, heights, generator)][-(self.delay + 1) :]
        return self._with_known(state)

    def restart(self, state: LeggedState, heights: Tensor | None, generator: torch.Generator, mask: Tensor) -> Tensor:
        """obs [W, O], where the worlds of `mask` [W] have just started and have no past."""
        now = self._measure(state, heights, generator)
        if not self._past:
            self._past = [now] * (self.delay + 1)
        self._past = [torch.where(mask[:, None], now, past) for past in self._past]
        return self._with_known(state)

    def _measure(self, state: LeggedState, heights: Tensor | None, generator: torch.Generator) -> Tensor:
        parts, bounds = [], []
        for name, noise in self.noise.items():
            exact: Tensor | None = heights if name == "height" else getattr(state, name)
            assert exact is not None
            parts.append(SCALES[name] * exact)
            bounds.append(torch.full_like(exact[0], SCALES[name] * noise))
        clean, bound = torch.cat(parts, 1), torch.cat(bounds)
        if not bound.any():
            return clean
        return clean + bound * (2 * rng.uniform(clean.shape, generator, dtype=torch.float64) - 1).to(clean)

    def _with_known(self, state: LeggedState) -> Tensor:
        command = state.command * torch.tensor(COMMAND_SCALE).to(state.command)
        return torch.cat([self._past[0], command, state.act.nan_to_num(0.0)], 1)
