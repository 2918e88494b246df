"""Matching networks: attention over the support."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import model_validator

from agents.settings import Heads, Look, MetricSettings
from envs.settings import Positive

if TYPE_CHECKING:
    from agents.learner import Learner
    from agents.problem import Problem


class Settings(MetricSettings):
    """Matching networks (Vinyals et al. 2016): attention over the support.

    distance: what attention is computed from, `cosine` similarity or `l2` distance. scale: factor of the cosine, 1 in
    the paper; null learns it. fce: full context embeddings.
    reads: steps of attention over the support in the full context embedding of a query.
    """

    kind: Literal["matching"] = "matching"
    names: ClassVar[dict[str, Look]] = {"MatchingNet": Look("orange", "s")}
    distance: Literal["cosine", "l2"] = "cosine"
    scale: Positive | None = None
    fce: bool = False
    reads: Heads = 5

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
