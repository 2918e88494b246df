"""Joint training, the baseline without adaptation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from agents.settings import LearnerSettings, Look
from envs.task_settings import Answers

if TYPE_CHECKING:
    from agents.learner import Learner
    from agents.problem import Problem


class Settings(LearnerSettings):
    """Baseline: one policy for all tasks, without adaptation."""

    kind: Literal["joint"] = "joint"
    names: ClassVar[dict[str, Look]] = {"joint training": Look("gray", "v", "--")}
    accepts: ClassVar[tuple[Answers, ...]] = ("actions",)
    counts: ClassVar[str] = "worlds"
    predicts_value: ClassVar[bool] = True
    baseline: ClassVar[str] = "joint"

    def build(self, problem: Problem) -> Learner[Any]:
        from agents.learners.parts import on_policy

        return on_policy(problem, observes_task=False)
