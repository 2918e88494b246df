"""A causal transformer: its memory is the keys and values of the past."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from agents.settings import Heads, Look, MemorySettings, PastSteps
from envs.settings import Count
from envs.task_settings import Answers

if TYPE_CHECKING:
    from agents.nn.cores import Core


class Settings(MemorySettings):
    """Causal transformer with rotary positions as the core of RL^2 (Melo 2022, Grigsby et al. 2024, Su et al. 2021).

    hidden: units, a multiple of twice the heads. heads: of each layer's attention. layers: each is an attention and a
    perceptron. length: number of steps that attention sees.
    """

    kind: Literal["transformer"] = "transformer"
    names: ClassVar[dict[str, Look]] = {"RL^2 (transformer)": Look("indigo", "^"), "Transformer": Look("indigo", "^")}
    hidden: Count = 64
    heads: Heads = 4
    layers: Annotated[int, Field(ge=1, le=100)] = 2
    length: PastSteps = 256

    @model_validator(mode="after")
    def _heads_fit(self) -> Self:
        if self.hidden % (2 * self.heads):
            raise ValueError(
                f"hidden {self.hidden} with {self.heads} heads: rotary positions turn pairs of a head's units, so "
                f"hidden has to be a multiple of {2 * self.heads}"
            )
        return self

    def display_name(self, answers: Answers) -> str:
        return super().display_name(answers) if answers == "actions" else "Transformer"

    def build_core(self, inputs: int) -> Core:
        from agents.memory.transformer import Transformer

        return Transformer(inputs, **self.core_options())
