"""Recurrent SAC: RL^2, off-policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from agents.learners.parts import SoftActorCriticSettings
from agents.settings import Look
from envs.settings import Count

if TYPE_CHECKING:
    from agents.learner import Learner
    from agents.problem import Problem


class Settings(SoftActorCriticSettings):
    """Recurrent SAC (Ni et al. 2022): RL^2 learned off-policy, with encoders of their own for policy and values.

    hidden: units of each GRU. rounds: episodes of a trial before its last.
    """

    kind: Literal["recurrent_sac"] = "recurrent_sac"
    names: ClassVar[dict[str, Look]] = {"recurrent SAC": Look("purple", "v", "--")}
    outers: ClassVar[tuple[str, ...]] = ("recurrent_off_policy",)
    counts: ClassVar[str] = "trials"
    hidden: Count = 128
    rounds: Annotated[int, Field(ge=0, le=100)] = 1

    def build(self, problem: Problem) -> Learner[Any]:
        from agents.memory.recurrent_sac import RecurrentSAC
        from agents.nn.cores import GRU

        inputs = problem.space.obs + problem.space.act + 2
        parts = self.actor_critic(problem, self.hidden + inputs, "gru")
        return RecurrentSAC(GRU(inputs, self.hidden), **parts, rounds=self.rounds)
