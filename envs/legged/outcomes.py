"""What came of the first episode of each world: success, falls, errors, and what every reward term paid."""

from __future__ import annotations

import torch
from torch import Tensor

from envs.legged.defaults import AFTER, BY_SECOND
from envs.legged.rewards import is_moving
from envs.legged.state import LeggedState

TRAVELLED = 0.8, 1.2  # shares of the commanded way between which an episode has succeeded; chosen


class Outcomes:
    """Sums over the steps of the first episode of `W` worlds, until each falls."""

    def __init__(self, num_worlds: int, seconds: float, terms: list[str], device: torch.device) -> None:
        self.seconds, self.terms = seconds, terms
        names = ("steps", "wanted", "travelled", "velocity_error", "turn_error")
        self.sums = {name: torch.zeros(num_worlds, dtype=torch.float64, device=device) for name in names}
        self.paid = torch.zeros(num_worlds, len(terms), dtype=torch.float64, device=device)
        self.going = torch.ones(num_worlds, dtype=torch.bool, device=device)
        self.errors, self.counts = torch.zeros(2, num_worlds, AFTER + 1, dtype=torch.float64, device=device)

    def add(self, state: LeggedState, each: Tensor, diverged: Tensor, since: Tensor | None = None) -> None:
        """A control step: its state, the weighted terms [W, terms], and the seconds since the event [W], below 0
        before it.
        """
        going = (self.going & ~diverged).double()
        speed = state.command[:, :2].norm(dim=1)
        along = (state.lin_vel[:, :2] * state.command[:, :2]).sum(1) / speed.clamp(min=1e-6)
        moving = is_moving(state.command)
        step = {
            "steps": torch.ones_like(speed),
            "wanted": self.seconds * speed * moving,
            "travelled": self.seconds * along * moving,
            "velocity_error": (state.lin_vel[:, :2] - state.command[:, :2]).norm(dim=1),
            "turn_error": (state.ang_vel[:, 2] - state.command[:, 2]).abs(),
        }
        for name, value in step.items():
            self.sums[name] += torch.where(going > 0, value, 0.0)
        self.paid += torch.where(going[:, None] > 0, each, 0.0)
        self.going &= ~(state.fallen | diverged)
        if since is not None:
            self._add_since(since, torch.where(self.going, step["velocity_error"], speed))

    def _add_since(self, since: Tensor, error: Tensor) -> None:
        """An error [W] to the second that it belongs to; a robot that has fallen is as far off as one that stands."""
        second = since.floor().long().clamp(min=-1) + 1  # 0 before the event
        told = (second <= AFTER).double()
        second = second.clamp(max=AFTER)[:, None]
        self.errors.scatter_add_(1, second, (error * told)[:, None])
        self.counts.scatter_add_(1, second, told[:, None])

    def by_second(self) -> dict[str, Tensor]:
        """Mean velocity error before the event and in each second after it, m/s, [W] each; NaN where there was none."""
        return dict(zip(BY_SECOND, (self.errors / self.counts).T, strict=True))

    def result(self) -> dict[str, Tensor]:
        """[W] each. progress: share of the commanded way that was travelled, 0 of a robot that fell. velocity_error m/s
        and turn_error rad/s are means; a reward is paid per second.
        """
        steps = self.sums["steps"].clamp(min=1)
        least, most = (share * self.sums["wanted"] for share in TRAVELLED)
        followed = (self.sums["travelled"] >= least) & (self.sums["travelled"] <= most)
        share = (self.sums["travelled"] / self.sums["wanted"].clamp(min=1e-6)).clamp(0, 1)
        share = torch.where(self.sums["wanted"] > 0, share, 1.0)  # nothing but standing was commanded
        return {
            "success": (self.going & followed).double(),
            "progress": share * self.going,
            "fallen": (~self.going).double(),
            "velocity_error": self.sums["velocity_error"] / steps,
            "turn_error": self.sums["turn_error"] / steps,
            **{f"reward/{name}": self.paid[:, i] / (steps * self.seconds) for i, name in enumerate(self.terms)},
        }
