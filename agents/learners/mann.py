"""MANN: an external memory with least recently used access."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import model_validator

from agents.settings import Heads, Look, MemorySettings, MemorySize
from envs.settings import Count, Fraction

if TYPE_CHECKING:
    from agents.nn.cores import Core


class Settings(MemorySettings):
    """MANN (Santoro et al. 2016): an external memory with least recently used access.

    hidden: units of the LSTM controller. locations, width: rows and columns of the memory. reads: read heads. decay:
    decay of the usage of a location per step. write: whether the key is written (`key`, the paper) or a vector of its
    own (`add`). strength: whether the cosine of content addressing has a learned strength. address: whether read heads
    address the memory before (`old`) or after (`new`) this step's write.
    """

    kind: Literal["mann"] = "mann"
    names: ClassVar[dict[str, Look]] = {"MANN": Look("vermilion", "s")}
    hidden: Count = 200
    locations: MemorySize = 128
    width: MemorySize = 40
    reads: Heads = 4
    decay: Fraction = 0.95
    write: Literal["key", "add"] = "key"
    strength: bool = False
    address: Literal["old", "new"] = "old"

    @model_validator(mode="after")
    def _writes_fit(self) -> Self:
        if self.reads > self.locations:
            raise ValueError(f"{self.reads} reads need at least as many locations, but there are {self.locations}")
        return self

    def build_core(self, inputs: int) -> Core:
        from agents.memory.mann import LRUA

        return LRUA(inputs, **self.core_options())
