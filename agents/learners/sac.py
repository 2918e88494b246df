"""SAC: soft actor-critic, off-policy, without adaptation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from agents.learners.parts import SoftActorCriticSettings
from agents.settings import Look
from envs.task_settings import Answers

if TYPE_CHECKING:
    from agents.learner import Learner
    from agents.problem import Problem


class Settings(SoftActorCriticSettings):
    """Soft actor-critic (Haarnoja et al. 2018): off-policy, one policy for all tasks, or told the true task.

    told_task: whether policy and values observe the true task parameters, as the oracle does.
    """

    kind: Literal["sac"] = "sac"
    names: ClassVar[dict[str, Look]] = {
        "SAC": Look("blue", "v", "--"),
        "SAC, observes the task": Look("blue", "*", "-."),
    }
    outers: ClassVar[tuple[str, ...]] = ("off_policy",)
    counts: ClassVar[str] = "worlds"
    told_task: bool = False

    @property
    def observes_task(self) -> bool:  # type: ignore[override]  # of this learner a setting says so
        """Whether it observes the true task parameters."""
        return self.told_task

    def display_name(self, answers: Answers) -> str:
        return (
            f"{super().display_name(answers)}, observes the task" if self.told_task else super().display_name(answers)
        )

    def build(self, problem: Problem) -> Learner[Any]:
        from agents.baselines.sac import SAC

        return SAC(**self.actor_critic(problem, problem.inputs, "joint"), observes_task=self.told_task)
