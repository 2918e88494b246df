"""Relation networks: a learned similarity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from agents.settings import BatchNorm, LearnerSettings, Look
from envs.task_settings import Answers

if TYPE_CHECKING:
    from agents.learner import Learner
    from agents.problem import Problem


class Settings(LearnerSettings):
    """Relation networks (Sung et al. 2018): a learned similarity, with its own embedding.

    bn: statistics of batch normalisation, as in `matching`.
    """

    kind: Literal["relation"] = "relation"
    names: ClassVar[dict[str, Look]] = {"RelationNet": Look("green", "s")}
    bn: BatchNorm = "running"
    accepts: ClassVar[tuple[Answers, ...]] = ("classes",)

    def build(self, problem: Problem) -> Learner[Any]:
        from agents.metric.relation import Relation, RelationEmbedding

        return Relation(problem.way, self.bn, RelationEmbedding(*problem.image))
