"""Recurrent hypernetwork: RL^2 whose memory generates the policy's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

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
    generated policy sees the memory beside the state.
    """

    kind: Literal["hypernetwork"] = "hypernetwork"
    names: ClassVar[dict[str, Look]] = {"RL^2 hypernetwork": Look("vermilion", "D")}
    hidden: Count = 128
    embedding: Count = 32
    head_observes_memory: bool = False
    accepts: ClassVar[tuple[Answers, ...]] = ("actions",)

    def build_core(self, inputs: int) -> Core:
        from agents.nn.cores import GRU

        return GRU(inputs, self.hidden)

    def build(self, problem: Problem) -> Learner[Any]:
        from agents.memory.assemble import build_with_core
        from agents.nn.hypernetwork import HypernetworkPolicy

        def policy(core: Core, inputs: int) -> HypernetworkPolicy:
            state = problem.space.obs
            base = problem.policy.build(state + core.dim * self.head_observes_memory, problem.space)
            return HypernetworkPolicy(base, core.dim, state, self.embedding, self.head_observes_memory)

        return build_with_core(self.build_core, self.trial_options, problem, policy)
