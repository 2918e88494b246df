"""How many contacts and constraints MuJoCo Warp has memory for."""

from __future__ import annotations

import logging

import torch

from envs.simulation.warp_model import mjw

log = logging.getLogger(__name__)

OVERFLOW = {  # the flags that MuJoCo Warp sets for a world in which some did not fit
    "contacts": int(mjw.OverflowType.BROADPHASE | mjw.OverflowType.NARROWPHASE),
    "constraints": int(mjw.OverflowType.NEFC | mjw.OverflowType.NJMAX_NNZ),
}
LARGEST = 2**14  # of either, per world
CONTACTS = 32  # per world, on average; twice the largest number measured for robots on planes and boxes
CONSTRAINTS = 96  # per world: rows for contacts, limits and friction; likewise


class Capacity:
    """Contacts and constraints per world; 0 takes the default, which for height fields is MuJoCo Warp's own guess.

    flags: [W] int32, the overflow flags of each world since the last `overflowed`.
    """

    def __init__(self, contacts: int, constraints: int, *, has_height_fields: bool) -> None:
        self.counts = {
            "contacts": contacts or (0 if has_height_fields else CONTACTS),
            "constraints": constraints or (0 if has_height_fields else CONSTRAINTS),
        }
        self.flags = torch.empty(0, dtype=torch.int32)

    def arguments(self) -> dict[str, int | None]:
        """Arguments of `mujoco_warp.make_data`."""
        return {"nconmax": self.counts["contacts"] or None, "njmax": self.counts["constraints"] or None}

    def read(self, data: mjw.Data, num_worlds: int, device: torch.device) -> None:
        """Take over the capacity that was allocated, and clear the flags."""
        self.counts = {"contacts": data.naconmax // num_worlds, "constraints": data.njmax}
        self.flags = torch.zeros(num_worlds, dtype=torch.int32, device=device)

    def overflowed(self) -> list[str]:
        """What did not fit since the last call; logs a warning for each."""
        short = [what for what, flag in OVERFLOW.items() if bool((self.flags & flag != 0).any())]
        self.flags.zero_()
        for what in short:
            log.warning(
                "%s did not fit into the capacity of %d per world, and some were left out", what, self.counts[what]
            )
        return short

    def double(self, short: list[str]) -> None:
        """Double the capacity for what did not fit."""
        for what in short:
            self.counts[what] = min(2 * self.counts[what], LARGEST)
