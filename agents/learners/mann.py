"""MANN: a memory with least recently used access."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from agents.settings import MemorySettings
from envs.settings import Count, Fraction

if TYPE_CHECKING:
    from agents.nn.cores import Core


class Settings(MemorySettings):
    """Memory with least recently used access (Santoro et al. 2016); see `agents.memory.mann.LRUA`."""

    kind: Literal["mann"] = "mann"
    hidden: Count = 200
    locations: Annotated[int, Field(ge=1, le=10_000)] = 128
    width: Annotated[int, Field(ge=1, le=10_000)] = 40
    reads: Annotated[int, Field(ge=1, le=100)] = 4
    decay: Fraction = 0.95
    write: Literal["key", "add"] = "key"
    strength: bool = False
    address: Literal["old", "new"] = "old"

    @model_validator(mode="after")
    def _writes_fit(self) -> Self:
        if self.reads > self.locations:
            raise ValueError(f"{self.reads} reads write to as many locations, and there are {self.locations}")
        return self

    def build_core(self, inputs: int) -> Core:
        from agents.memory.mann import LRUA

        return LRUA(inputs, **self.core_options())
