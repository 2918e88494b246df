"""Sampling tasks: what every family does with its variables."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from envs.core import SPLITS, Spacing, Tasks, Variable
from envs.registry import nearest
from envs.strata import Strata

DRAW_BITS = 31  # a draw is a whole number k of 2^31 steps through the range


class VariableSampler:
    """Samples, checks and describes tasks: the part of a `TaskDistribution` that does not depend on worlds."""

    def __init__(self, variables: tuple[Variable, ...]) -> None:
        self.variables = variables
        self.names = tuple(v.name for v in variables)
        self._varying = tuple(v for v in variables if v.in_descriptor and not v.is_constant)
        self.descriptor_names = tuple(v.name for v in self._varying)

    def splits(self) -> tuple[str, ...]:
        """`train` and `test`, and `ood` if a variable has a range for it."""
        return SPLITS if any(v.ood for v in self.variables) else SPLITS[:2]

    def sample(self, num_tasks: int, split: str, generator: torch.Generator) -> Tasks:
        """Sample `num_tasks` tasks of a split.

        Train and test are disjoint by construction: a draw is k / 2^31, with k even for train and odd for test and ood.
        Choices are shared by both. Test and ood tasks are stratified: they show as many choices, and combinations of
        them, as their number allows. Raises ValueError for an unknown split, and for ood without an ood range.
        """
        if split not in SPLITS:
            raise ValueError(f"split is {split!r}, expected one of {', '.join(SPLITS)}")
        if split not in self.splits():
            raise ValueError("this family has no ood split: give a variable an 'ood' range")
        strata = Strata(num_tasks, generator) if split != "train" else None
        columns = [_draw(v, num_tasks, split, generator, strata) for v in self.variables]
        return Tasks(self.names, torch.stack(columns, 1) if columns else torch.empty(num_tasks, 0).double())

    def check(self, tasks: Tasks) -> None:
        """Raise ValueError if a task has a wrong name or a value outside every split."""
        self.check_names(tasks)
        for variable in self.variables:
            for value in tasks.column(variable.name).tolist():
                if not variable.contains(value):
                    family = variable.describe()
                    raise ValueError(f"{variable.name}={value:g} lies outside this family of tasks ({family})")

    def check_names(self, tasks: Tasks) -> None:
        """Raise ValueError if a task lacks a parameter of this family or has an unknown one."""
        if unknown := sorted(set(tasks.names) - set(self.names)):
            raise ValueError(f"this family has no parameter {unknown[0]}: {nearest(unknown[0], self.names)}")
        if missing := sorted(set(self.names) - set(tasks.names)):
            raise ValueError(f"this family needs the parameter {', '.join(missing)}: expected {', '.join(self.names)}")

    def descriptor(self, tasks: Tasks) -> Tensor:
        """The parameters that vary, centred and scaled by their training range, [N, P] float32."""
        columns = [_centred(v, tasks.column(v.name)) for v in self._varying]
        return torch.stack(columns, 1).float() if columns else torch.empty(len(tasks), 0)


def parity_index(values: Tensor, count: int) -> Tensor:
    """An index below `count` (even) for each draw [N] in [0, 1]: even for training draws, odd for others, [N]."""
    index: Tensor = draw_number(values) % count
    return index


def draw_number(values: Tensor) -> Tensor:
    """The whole number k of each draw k / 2^31 in [0, 1], [N]."""
    k: Tensor = (values * 2**DRAW_BITS).round().long()
    return k


def snapped(shares: Tensor) -> Tensor:
    """Shares [N] in [0, 1] of a range as training draws: whole numbers of 2^30 steps, so that no test draw is met."""
    even: Tensor = (shares * 2 ** (DRAW_BITS - 1)).round().clamp(max=2 ** (DRAW_BITS - 1) - 1) / 2 ** (DRAW_BITS - 1)
    return even


def hashed_uniforms(seeds: Tensor, count: int) -> Tensor:
    """`count` numbers in [0, 1) for each integer seed [N]: a hash, the same on every platform, [N, count]."""
    x = (seeds[:, None] * 1_000_003 + torch.arange(count)[None]).bitwise_and_(0xFFFFFFFF)
    for _ in range(2):  # Wellons' 32-bit mixer "lowbias32", twice
        x.bitwise_xor_(x >> 16).mul_(0x7FEB352D).bitwise_and_(0xFFFFFFFF)
        x.bitwise_xor_(x >> 15).mul_(0x846CA68B).bitwise_and_(0xFFFFFFFF)
        x.bitwise_xor_(x >> 16)
    return x.double() / 2**32


def _draw(variable: Variable, n: int, split: str, generator: torch.Generator, strata: Strata | None) -> Tensor:
    to, back = _SPACINGS[variable.spacing]
    ends = torch.tensor(variable.intervals(split), dtype=torch.float64)  # [intervals, 2]
    low, high = to(ends).T
    length = high - low
    weights = length if length.sum() > 0 else torch.ones_like(length)
    if strata is not None and len(ends) > 1:
        which = strata.assign(weights)  # [n]
    else:
        which = torch.multinomial(weights, n, replacement=True, generator=generator)
    k = 2 * torch.randint(2 ** (DRAW_BITS - 1), (n,), generator=generator) + (split != "train")
    sampled = back(low[which] + length[which] * (k.double() / 2**DRAW_BITS))
    return sampled.clamp(ends[which, 0], ends[which, 1])  # back(to(x)) may be a rounding away from x


def _centred(variable: Variable, values: Tensor) -> Tensor:
    """Values [N] centred and divided by half the training range, in the spacing of the variable."""
    to, middle, half = centring(variable)
    centred: Tensor = (to(values) - middle) / half
    return centred


Map = Callable[[Tensor], Tensor]


def centring(variable: Variable) -> tuple[Map, Tensor, Tensor]:
    """A map, and the middle and half width of the training range under it: a descriptor is (map(x) - middle) / half."""
    to, _ = _SPACINGS[variable.spacing]
    ends = to(torch.tensor(variable.train, dtype=torch.float64))
    low, high = ends.min(), ends.max()
    return to, (low + high) / 2, (high - low) / 2 if high > low else torch.ones_like(high)


_SPACINGS: dict[Spacing, tuple[Map, Map]] = {  # from the variable to what is uniform, and back
    "uniform": (torch.clone, torch.clone),
    "log": (torch.log, torch.exp),
    "area": (torch.square, torch.sqrt),
}
