"""Matching networks: attention over the support."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from agents.settings import BatchNorm, EmbeddingSettings, LearnerSettings
from envs.task_settings import Answers

if TYPE_CHECKING:
    from agents.learner import Learner, Problem


class Settings(LearnerSettings):
    """Matching networks (Vinyals et al. 2016); fce is their full context embedding, with so many reads."""

    kind: Literal["matching"] = "matching"
    bn: BatchNorm = "running"
    distance: Literal["cosine", "l2"] = "cosine"
    fce: bool = False
    reads: Annotated[int, Field(ge=1, le=100)] = 5
    embedding: EmbeddingSettings = EmbeddingSettings()
    accepts: ClassVar[tuple[Answers, ...]] = ("classes",)

    def build(self, problem: Problem) -> Learner[Any]:
        from agents.metric import Matching

        return Matching(self.embedding.build(), problem.way, self.bn, self.distance, self.fce, self.reads)
