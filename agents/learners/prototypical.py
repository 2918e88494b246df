"""Prototypical networks: classification by the nearest class mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from agents.network_settings import EmbeddingSettings
from agents.settings import BatchNorm, LearnerSettings, Look
from envs.task_settings import Answers

if TYPE_CHECKING:
    from agents.learner import Learner
    from agents.problem import Problem


class Settings(LearnerSettings):
    """Prototypical networks (Snell et al. 2017): classification by the nearest class mean.

    bn: statistics of batch normalisation, as in `matching`. embedding: the image embedding.
    """

    kind: Literal["prototypical"] = "prototypical"
    names: ClassVar[dict[str, Look]] = {"ProtoNet": Look("blue", "D")}
    bn: BatchNorm = "running"
    embedding: EmbeddingSettings = EmbeddingSettings()
    accepts: ClassVar[tuple[Answers, ...]] = ("classes",)

    def build(self, problem: Problem) -> Learner[Any]:
        from agents.metric import Prototypical

        return Prototypical(self.embedding.build(problem.image), problem.way, self.bn)
