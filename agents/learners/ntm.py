"""Neural Turing machine: a memory addressed by content and by location."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from agents.settings import MemorySettings
from envs.settings import Count

if TYPE_CHECKING:
    from agents.nn.cores import Core


class Settings(MemorySettings):
    """Neural Turing machine (Graves et al. 2014); see `agents.memory.ntm.NTM`."""

    kind: Literal["ntm"] = "ntm"
    hidden: Count = 100
    locations: Annotated[int, Field(ge=1, le=10_000)] = 128
    width: Annotated[int, Field(ge=1, le=10_000)] = 20
    reads: Annotated[int, Field(ge=1, le=100)] = 1
    writes: Annotated[int, Field(ge=1, le=100)] = 1
    controller: Literal["lstm", "feedforward"] = "lstm"

    def build_core(self, inputs: int) -> Core:
        from agents.memory.ntm import NTM

        return NTM(inputs, **self.core_options())
