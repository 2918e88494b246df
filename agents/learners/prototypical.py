"""Prototypical networks: classification by the nearest class mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from agents.settings import Look, MetricSettings

if TYPE_CHECKING:
    from agents.learner import Learner
    from agents.problem import Problem


class Settings(MetricSettings):
    """Prototypical networks (Snell et al. 2017): classification by the nearest class mean."""

    kind: Literal["prototypical"] = "prototypical"
    names: ClassVar[dict[str, Look]] = {"ProtoNet": Look("blue", "D")}

    def build(self, problem: Problem) -> Learner[Any]:
        from agents.metric import Prototypical

        return Prototypical(self.embedding.build(problem.image), problem.way, self.bn)
