"""Drawing tasks: what every family does with its variables."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from envs.core import SPLITS, Spacing, Tasks, Variable

DRAW_BITS = 31  # a draw is k / 2^31 of the way through its range: finer than any effect on a robot


class VariableSampler:
    """Tasks as numbers that vary: the half of a `TaskDistribution` that knows nothing of worlds."""

    def __init__(self, variables: tuple[Variable, ...]) -> None:
        self.variables = variables
        self.names = tuple(v.name for v in variables)
        self._varying = tuple(v for v in variables if v.in_descriptor and not v.is_constant)
        self.descriptor_names = tuple(v.name for v in self._varying)

    def splits(self) -> tuple[str, ...]:
        """`ood` exists where a variable has a range for it."""
        return SPLITS if any(v.ood for v in self.variables) else SPLITS[:2]

    def sample(self, num_tasks: int, split: str, generator: torch.Generator) -> Tasks:
        """Draw `num_tasks` tasks of a split.

        Train and test are disjoint by construction: a draw is an integer over 2^31, even for train and odd for
        test and ood. A variable of finitely many choices is shared by both, because nothing of it can be held out.
        """
        if split not in SPLITS:
            raise ValueError(f"split is {split!r}, expected one of {', '.join(SPLITS)}")
        if split not in self.splits():
            raise ValueError("this family has no ood split: give a variable an 'ood' range to make one")
        columns = [_draw(v, num_tasks, split, generator) for v in self.variables]
        return Tasks(self.names, torch.stack(columns, 1))

    def check(self, tasks: Tasks) -> None:
        """Raise ValueError if a task has a wrong name or a value outside every split."""
        self.check_names(tasks)
        for variable in self.variables:
            for value in tasks.column(variable.name).tolist():
                if not variable.contains(value):
                    family = variable.describe()
                    raise ValueError(f"{variable.name}={value:g} lies outside this family of tasks ({family})")

    def check_names(self, tasks: Tasks) -> None:
        """Raise ValueError if a task lacks a parameter of this family or has another."""
        if strange := set(tasks.names) ^ set(self.names):
            wrong = "does not know" if strange & set(tasks.names) else "needs"
            named = ", ".join(sorted(strange & set(tasks.names) or strange))
            raise ValueError(f"this family {wrong} {named}: its tasks have the parameters {', '.join(self.names)}")

    def descriptor(self, tasks: Tasks) -> Tensor:
        """Parameters that vary, centred and scaled by the training range, [N, P] float32."""
        columns = [_centred(v, tasks.column(v.name)) for v in self._varying]
        return torch.stack(columns, 1).float() if columns else torch.empty(len(tasks), 0)


def parity_index(values: Tensor, count: int) -> Tensor:
    """One of `count` (even) things for each draw [N] from [0, 1]: even ones for training draws, odd ones for others."""
    index: Tensor = draw_number(values) % count
    return index


def draw_number(values: Tensor) -> Tensor:
    """The whole number k of each draw k / 2^31 from [0, 1], [N]."""
    k: Tensor = (values * 2**DRAW_BITS).round().long()
    return k


def hashed_uniforms(seeds: Tensor, count: int) -> Tensor:
    """`count` numbers in [0, 1) for each whole seed [N], [N, count]: an integer hash, the same on every platform."""
    x = (seeds[:, None] * 1_000_003 + torch.arange(count)[None]).bitwise_and_(0xFFFFFFFF)
    for _ in range(2):  # Wellons' 32-bit mixer "lowbias32", twice
        x.bitwise_xor_(x >> 16).mul_(0x7FEB352D).bitwise_and_(0xFFFFFFFF)
        x.bitwise_xor_(x >> 15).mul_(0x846CA68B).bitwise_and_(0xFFFFFFFF)
        x.bitwise_xor_(x >> 16)
    return x.double() / 2**32


def _draw(variable: Variable, n: int, split: str, generator: torch.Generator) -> Tensor:
    to, back = _SPACINGS[variable.spacing]
    ends = torch.tensor(variable.intervals(split), dtype=torch.float64)  # [intervals, 2]
    low, high = to(ends).T
    length = high - low
    weights = length if length.sum() > 0 else torch.ones_like(length)
    which = torch.multinomial(weights, n, replacement=True, generator=generator)  # [n]
    k = 2 * torch.randint(2 ** (DRAW_BITS - 1), (n,), generator=generator) + (split != "train")
    sampled = back(low[which] + length[which] * (k.double() / 2**DRAW_BITS))
    return sampled.clamp(ends[which, 0], ends[which, 1])  # back(to(x)) may be a rounding away from x


def _centred(variable: Variable, values: Tensor) -> Tensor:
    """Values [N] by centre and half width of the training range, both under the variable's law."""
    to, _ = _SPACINGS[variable.spacing]
    ends = to(torch.tensor(variable.train, dtype=torch.float64))
    low, high = ends.min(), ends.max()
    centred: Tensor = (to(values) - (low + high) / 2) / ((high - low) / 2 if high > low else 1.0)
    return centred


_Map = Callable[[Tensor], Tensor]
_SPACINGS: dict[Spacing, tuple[_Map, _Map]] = {  # there and back: what is uniform, and the variable itself
    "uniform": (torch.clone, torch.clone),
    "log": (torch.log, torch.exp),
    "area": (torch.square, torch.sqrt),
}
