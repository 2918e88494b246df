"""The oracle, which observes the task parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from agents.settings import LearnerSettings, Look
from envs.task_settings import Answers

if TYPE_CHECKING:
    from agents.learner import Learner
    from agents.problem import Problem


class Settings(LearnerSettings):
    """Baseline: one policy that observes the true task parameters."""

    kind: Literal["oracle"] = "oracle"
    names: ClassVar[dict[str, Look]] = {"oracle": Look("black", "*", "-.")}
    accepts: ClassVar[tuple[Answers, ...]] = ("actions",)
    counts: ClassVar[str] = "worlds"
    predicts_value: ClassVar[bool] = True
    baseline: ClassVar[str] = "oracle"
    observes_task: ClassVar[bool] = True
    ignores: ClassVar[tuple[tuple[str, str], ...]] = (("policy", "critic_observes_task"),)  # it is given the task

    def build(self, problem: Problem) -> Learner[Any]:
        from agents.learners.parts import on_policy

        return on_policy(problem, observes_task=True)
