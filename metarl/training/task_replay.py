"""What an off-policy meta-learner remembers: transitions of each training task apart, and which of them are recent.

Axes: `N` tasks, `K` tasks that are added to, `M` tasks that are drawn from, `S` steps.
"""

from __future__ import annotations

import torch
from torch import Tensor

from agents.records import Params
from metarl.runs.checkpoint.checks import REPLAY


class TaskReplay:
    """A ring of up to `size` transitions for each of `tasks` tasks, each a row of numbers of widths by name."""

    def __init__(self, tasks: int, size: int, widths: dict[str, int], device: torch.device | str = "cpu") -> None:
        self.size, self.widths, self.device = size, widths, device
        self.rows = torch.empty(tasks, 0, sum(widths.values()), device=device)  # grows to `size`
        self.added = torch.zeros(tasks, dtype=torch.int64, device=device)  # since the beginning
        self.recent = torch.zeros(tasks, dtype=torch.int64, device=device)  # of these, in the latest collection
        self.behind = torch.zeros(tasks, dtype=torch.int64, device=device)  # added after those

    def __len__(self) -> int:
        """Transitions of all tasks."""
        return int(self.added.clamp_max(self.size).sum())

    def begin_collection(self, tasks: Tensor) -> None:
        """What follows is recent in these tasks [K], and what they have is no longer."""
        self.recent[tasks] = self.behind[tasks] = 0

    def add(self, tasks: Tensor, alive: Tensor, *, recent: bool = True, **columns: Tensor) -> None:
        """Store steps [K, S, width] of different tasks [K], those that are alive [K, S]; recent: they count as such.

        Within a collection, none that counts follows one that does not.
        """
        order = alive.long().cumsum(1) - 1  # [K, S]
        count = alive.sum(1)
        if int(count.max()) > self.size:
            raise ValueError(f"{int(count.max())} steps of a task do not fit a replay of {self.size}")
        at = (self.added[tasks][:, None] + order) % self.size
        self._grow(int((self.added[tasks] + count).max()))
        rows = torch.cat([columns[name].reshape(*alive.shape, width) for name, width in self.widths.items()], -1)
        self.rows[tasks[:, None].expand_as(at)[alive], at[alive]] = rows.to(self.rows)[alive]
        self.added[tasks] += count
        counted = self.recent if recent else self.behind
        counted[tasks] = counted[tasks] + count

    def _grow(self, needed: int) -> None:
        """Room for so many transitions of each task, or as many as may be."""
        held = self.rows.shape[1]
        if needed > held and held < self.size:
            more = min(max(needed, 2 * held), self.size) - held
            self.rows = torch.cat([self.rows, self.rows.new_zeros(len(self.rows), more, self.rows.shape[2])], 1)

    def sample(
        self, tasks: Tensor, count: int, generator: torch.Generator, *, recent: bool = False
    ) -> dict[str, Tensor]:
        """`count` transitions [M, count, width] of each of some tasks [M], drawn with replacement.

        recent: of the latest collection alone.
        """
        newest = self.behind[tasks] if recent else torch.zeros_like(tasks)  # [M] steps back
        stored = self.added[tasks].clamp_max(self.size)
        held = torch.minimum(self.recent[tasks], stored - newest) if recent else stored
        share = torch.rand(len(tasks), count, generator=generator, device=generator.device, dtype=torch.float64)
        back = (share.to(self.device) * held[:, None]).long()  # 0: the latest
        at = (self.added[tasks][:, None] - 1 - newest[:, None] - back) % self.size
        drawn = torch.split(self.rows[tasks[:, None], at], list(self.widths.values()), -1)
        return dict(zip(self.widths, drawn, strict=True))

    def state(self) -> Params:
        """A copy of what is stored."""
        rows = self.rows[:, : int(self.added.max().clamp_max(self.size))]
        stored = {"rows": rows, "added": self.added, "recent": self.recent, "behind": self.behind}
        return {REPLAY + name: tensor.clone() for name, tensor in stored.items()}

    def load(self, state: Params) -> None:
        """Put back what `state` gave. Raises ValueError for what cannot be from a replay like this one."""
        behind = state.get(f"{REPLAY}behind", torch.zeros_like(self.behind))  # versions before 0.18 have none
        rows, added, recent = (state[REPLAY + name].to(self.device).clone() for name in ("rows", "added", "recent"))
        if any(count.shape != self.added.shape for count in (added, recent, behind)):
            raise ValueError(f"the replay is of {len(added)} tasks, expected {len(self.added)}")
        expected = (len(self.added), int(added.max().clamp_max(self.size)), self.rows.shape[2])
        if tuple(rows.shape) != expected or bool((recent + behind > added).any()):
            raise ValueError(f"the replay is of shape {tuple(rows.shape)}, expected {expected}")
        self.rows, self.added, self.recent, self.behind = rows, added, recent, behind.to(self.device).clone()
