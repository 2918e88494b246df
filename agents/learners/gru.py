"""GRU: the recurrent core of RL^2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from agents.settings import MemorySettings
from envs.settings import Count

if TYPE_CHECKING:
    from agents.nn.cores import Core


class Settings(MemorySettings):
    """GRU (Cho et al. 2014), the recurrent core of RL^2 (Duan et al. 2016).

    hidden: units.
    """

    kind: Literal["gru"] = "gru"
    hidden: Count = 200

    def build_core(self, inputs: int) -> Core:
        from agents.nn.cores import GRU

        return GRU(inputs, **self.core_options())
