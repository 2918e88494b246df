"""Neural Turing machine: an external memory addressed by content and by location."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from agents.settings import Heads, Look, MemorySettings, MemorySize
from envs.settings import Count

if TYPE_CHECKING:
    from agents.nn.cores import Core


class Settings(MemorySettings):
    """Neural Turing machine (Graves et al. 2014): an external memory addressed by content and by location.

    hidden: units of the controller. locations, width: rows and columns of the memory. reads, writes: read and write
    heads. controller: an `lstm`, or a `feedforward` layer without a state of its own.
    """

    kind: Literal["ntm"] = "ntm"
    names: ClassVar[dict[str, Look]] = {"NTM": Look("indigo", "s")}
    hidden: Count = 100
    locations: MemorySize = 128
    width: MemorySize = 20
    reads: Heads = 1
    writes: Heads = 1
    controller: Literal["lstm", "feedforward"] = "lstm"

    def build_core(self, inputs: int) -> Core:
        from agents.memory.ntm import NTM

        return NTM(inputs, **self.core_options())
