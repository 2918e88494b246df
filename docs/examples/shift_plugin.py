"""The settings of `Shift`. As agents/learners/shift.py, or as a plugin, they make it usable in configs."""

from typing import Any, ClassVar, Literal

from agents.settings import LearnerSettings
from envs.settings import Positive


class Settings(LearnerSettings):
    """Shift: a constant is added to the mean action, and only that is adapted."""

    kind: Literal["shift"] = "shift"
    inner_lr: Positive = 0.1
    accepts: ClassVar[tuple[Any, ...]] = ("actions",)

    def build(self, problem: Any) -> Any:
        from shift_learner import Shift  # torch is imported only when the learner is built

        return Shift(problem.policy_network(), problem.objective, problem.space.act, self.inner_lr)
