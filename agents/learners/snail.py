"""SNAIL: temporal convolutions and attention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from agents.settings import MemorySettings
from envs.settings import Count

if TYPE_CHECKING:
    from agents.nn.cores import Core


class Settings(MemorySettings):
    """Temporal convolutions and attention (Mishra et al. 2018); see `agents.memory.snail.SNAIL`."""

    kind: Literal["snail"] = "snail"
    filters: Count = 32
    keys: Count = 32
    blocks: Annotated[int, Field(ge=1, le=10)] = 1
    length: Annotated[int, Field(ge=2, le=10_000)] = 256

    def build_core(self, inputs: int) -> Core:
        from agents.memory.snail import SNAIL

        return SNAIL(inputs, **self.core_options())
