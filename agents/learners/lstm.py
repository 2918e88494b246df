"""LSTM: the baseline of the memory-augmented networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from agents.settings import MemorySettings
from envs.settings import Count

if TYPE_CHECKING:
    from agents.nn.cores import Core


class Settings(MemorySettings):
    """LSTM (Hochreiter et al. 2001), the baseline of the memory-augmented networks.

    hidden: units.
    """

    kind: Literal["lstm"] = "lstm"
    hidden: Count = 200

    def build_core(self, inputs: int) -> Core:
        from agents.nn.cores import LSTM

        return LSTM(inputs, **self.core_options())
