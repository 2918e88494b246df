"""Recurrent hypernetwork: RL^2 whose memory generates the policy's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import model_validator

from agents.settings import Look, MemorySettings
from envs.settings import Count
from envs.task_settings import Answers

if TYPE_CHECKING:
    from agents.learner import Learner
    from agents.nn.cores import Core
    from agents.problem import Problem


class Settings(MemorySettings):
    """Recurrent hypernetwork (Beck et al. 2022, 2023): a GRU whose memory generates the weights of the policy.

    hidden: units of the GRU. embedding: numbers that the weights are generated from. head_observes_memory: whether the
    generated policy sees the memory beside the state. split_max: half of the GRU's features are running maxima
    (SplAgger, Beck et al. 2024).
    """

    kind: Literal["hypernetwork"] = "hypernetwork"
    names: ClassVar[dict[str, Look]] = {
        "RL^2 hypernetwork": Look("vermilion", "D"),
        "SplAgger": Look("vermilion", "X", "--"),
    }
    hidden: Count = 128
    embedding: Count = 32
    head_observes_memory: bool = False
    split_max: bool = False
    accepts: ClassVar[tuple[Answers, ...]] = ("actions",)

    def display_name(self, answers: Answers) -> str:
        name = super().display_name(answers)
        return name.replace("RL^2 hypernetwork", "SplAgger") if self.split_max else name

    @model_validator(mode="after")
    def _splits_evenly(self) -> Self:
        if self.split_max and self.hidden % 2:
            raise ValueError(f"split_max is of half of the units, and hidden is {self.hidden}: give an even number")
        return self

    def build_core(self, inputs: int) -> Core:
        from agents.memory.splagger import SplitMaxGRU
        from agents.nn.cores import GRU

        return (SplitMaxGRU if self.split_max else GRU)(inputs, self.hidden)

    def build(self, problem: Problem) -> Learner[Any]:
        from agents.memory.assemble import build_with_core
        from agents.nn.hypernetwork import HypernetworkPolicy

        def policy(core: Core, inputs: int) -> HypernetworkPolicy:
            state = problem.space.obs
            base = problem.policy.build(state + core.dim * self.head_observes_memory, problem.space)
            return HypernetworkPolicy(base, core.dim, state, self.embedding, self.head_observes_memory)

        return build_with_core(self.build_core, self.trial_options, problem, policy)
