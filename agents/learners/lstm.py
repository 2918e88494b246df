"""LSTM: the baseline of the memory-augmented networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from agents.settings import Look, MemorySettings
from envs.settings import Count
from envs.task_settings import Answers

if TYPE_CHECKING:
    from agents.nn.cores import Core


class Settings(MemorySettings):
    """LSTM (Hochreiter et al. 2001), the baseline of the memory-augmented networks.

    hidden: units.
    """

    kind: Literal["lstm"] = "lstm"
    names: ClassVar[dict[str, Look]] = {"RL^2 (LSTM)": Look("wine", "s"), "LSTM": Look("wine", "s")}
    hidden: Count = 200

    def display_name(self, answers: Answers) -> str:
        return super().display_name(answers) if answers == "actions" else "LSTM"

    def build_core(self, inputs: int) -> Core:
        from agents.nn.cores import LSTM

        return LSTM(inputs, **self.core_options())
