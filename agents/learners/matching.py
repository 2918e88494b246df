"""Matching networks: attention over the support."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import model_validator

from agents.network_settings import EmbeddingSettings
from agents.settings import BatchNorm, Heads, LearnerSettings, Look
from envs.settings import Positive
from envs.task_settings import Answers

if TYPE_CHECKING:
    from agents.learner import Learner
    from agents.problem import Problem


class Settings(LearnerSettings):
    """Matching networks (Vinyals et al. 2016): attention over the support.

    distance: what attention is computed from, `cosine` similarity or `l2` distance. scale: factor of the cosine, 1 in
    the paper; null learns it. fce: full context embeddings.
    reads: steps of attention over the support in the full context embedding of a query. bn: statistics of batch
    normalisation, of the batch (`transductive`), of the `support`, or `running` ones measured after training.
    embedding: the image embedding.
    """

    kind: Literal["matching"] = "matching"
    names: ClassVar[dict[str, Look]] = {"MatchingNet": Look("orange", "s")}
    bn: BatchNorm = "running"
    distance: Literal["cosine", "l2"] = "cosine"
    scale: Positive | None = None
    fce: bool = False
    reads: Heads = 5
    embedding: EmbeddingSettings = EmbeddingSettings()
    accepts: ClassVar[tuple[Answers, ...]] = ("classes",)

    @model_validator(mode="after")
    def _scales_a_cosine(self) -> Self:
        if self.scale is not None and self.distance != "cosine":
            raise ValueError(f"scale is of the cosine: with distance {self.distance} leave it out")
        return self

    def build(self, problem: Problem) -> Learner[Any]:
        from agents.metric import Matching

        return Matching(
            self.embedding.build(problem.image), problem.way, self.bn, self.distance, self.fce, self.reads, self.scale
        )
