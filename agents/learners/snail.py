"""SNAIL: temporal convolutions and causal attention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from agents.settings import Look, MemorySettings, PastSteps
from envs.settings import Count

if TYPE_CHECKING:
    from agents.nn.cores import Core


class Settings(MemorySettings):
    """SNAIL (Mishra et al. 2018): temporal convolutions and causal attention.

    filters: of each convolution. keys: width of the attention's keys and values. blocks: each is a stack of
    convolutions and an attention. length: number of steps that attention looks back.
    """

    kind: Literal["snail"] = "snail"
    names: ClassVar[dict[str, Look]] = {"SNAIL": Look("sky", "^")}
    filters: Count = 32
    keys: Count = 32
    blocks: Annotated[int, Field(ge=1, le=10)] = 1
    length: PastSteps = 256

    def build_core(self, inputs: int) -> Core:
        from agents.memory.snail import SNAIL

        return SNAIL(inputs, **self.core_options())
