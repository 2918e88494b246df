"""What an off-policy learner remembers: transitions in a ring, the oldest of which give way."""

from __future__ import annotations

import torch
from torch import Tensor

from agents.records import Params
from metarl.runs.checkpoint.checks import REPLAY


class Replay:
    """Up to `size` transitions on a device, each a row of numbers of widths by name (`obs`, `act`, ...)."""

    def __init__(self, size: int, widths: dict[str, int], device: torch.device | str = "cpu") -> None:
        self.size, self.widths, self.device = size, widths, device
        self.rows = torch.empty(0, sum(widths.values()), device=device)  # grows to `size`
        self.added = 0  # since the beginning

    def __len__(self) -> int:
        return min(self.added, self.size)

    def add(self, **columns: Tensor) -> None:
        """Store M transitions, [M, width] each."""
        rows = torch.cat([columns[name].reshape(-1, width) for name, width in self.widths.items()], 1)
        rows = rows.to(self.rows)[-self.size :]
        if not len(rows):  # every simulation diverged
            return
        at = (self.added + torch.arange(len(rows), device=self.device)) % self.size
        missing = int(at.max()) + 1 - len(self.rows)
        if missing > 0:
            more = min(max(missing, len(self.rows)), self.size - len(self.rows))
            self.rows = torch.cat([self.rows, self.rows.new_empty(more, self.rows.shape[1])])
        self.rows[at] = rows
        self.added += len(rows)

    def sample(self, count: int, generator: torch.Generator) -> dict[str, Tensor]:
        """`count` stored transitions, drawn with replacement, each as likely as any other."""
        at = torch.randint(len(self), (count,), generator=generator, device=generator.device).to(self.device)
        drawn = torch.split(self.rows[at], list(self.widths.values()), 1)
        return dict(zip(self.widths, drawn, strict=True))

    def state(self) -> Params:
        """A copy of what is stored."""
        count = torch.tensor(self.added, dtype=torch.int64)
        return {f"{REPLAY}rows": self.rows[: len(self)].clone(), f"{REPLAY}added": count}

    def load(self, state: Params) -> None:
        """Put back what `state` gave. Raises ValueError for what cannot be from a replay like this one."""
        rows, added = state[f"{REPLAY}rows"], int(state[f"{REPLAY}added"])
        expected = (min(added, self.size), self.rows.shape[1])
        if tuple(rows.shape) != expected:
            raise ValueError(f"the replay is of shape {tuple(rows.shape)}, expected {expected}")
        self.rows, self.added = rows.to(self.device).clone(), added
