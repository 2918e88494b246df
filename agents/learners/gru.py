"""GRU: the recurrent core of RL^2."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from agents.settings import Look, MemorySettings
from envs.settings import Count
from envs.task_settings import Answers

if TYPE_CHECKING:
    from agents.nn.cores import Core


class Settings(MemorySettings):
    """GRU (Cho et al. 2014), the recurrent core of RL^2 (Duan et al. 2016).

    hidden: units.
    """

    kind: Literal["gru"] = "gru"
    names: ClassVar[dict[str, Look]] = {"RL^2 (GRU)": Look("purple"), "GRU": Look("purple")}
    hidden: Count = 200

    def display_name(self, answers: Answers) -> str:
        return super().display_name(answers) if answers == "actions" else "GRU"

    def build_core(self, inputs: int) -> Core:
        from agents.nn.cores import GRU

        return GRU(inputs, **self.core_options())
