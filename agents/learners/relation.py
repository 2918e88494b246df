"""Relation networks: a learned comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from agents.settings import BatchNorm, LearnerSettings
from envs.task_settings import Answers

if TYPE_CHECKING:
    from agents.learner import Learner, Problem


class Settings(LearnerSettings):
    """Relation networks (Sung et al. 2018), with their own embedding."""

    kind: Literal["relation"] = "relation"
    bn: BatchNorm = "running"
    accepts: ClassVar[tuple[Answers, ...]] = ("classes",)

    def build(self, problem: Problem) -> Learner[Any]:
        from agents.metric import Relation

        return Relation(problem.way, self.bn)
