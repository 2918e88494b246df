"""Stable-Baselines3's PPO, which observes the task parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from agents.settings import LearnerSettings, Look
from envs.task_settings import Answers

if TYPE_CHECKING:
    from agents.learner import Learner
    from agents.problem import Problem


class Settings(LearnerSettings):
    """Baseline: Stable-Baselines3's own PPO, told the true task parameters, as the oracle is."""

    kind: Literal["sb3_ppo"] = "sb3_ppo"
    names: ClassVar[dict[str, Look]] = {"SB3's PPO, observes the task": Look("black", "P", ":")}
    accepts: ClassVar[tuple[Answers, ...]] = ("actions",)
    outers: ClassVar[tuple[str, ...]] = ("sb3_ppo",)
    counts: ClassVar[str] = "worlds"
    baseline: ClassVar[str] = "sb3"
    observes_task: ClassVar[bool] = True
    predicts_value: ClassVar[bool] = True
    ignores: ClassVar[tuple[tuple[str, str], ...]] = (
        ("policy", "critic_observes_task"),
        ("policy", "min_std"),
        ("advantage", "bootstrap"),
    )

    def build(self, problem: Problem) -> Learner[Any]:
        from agents.baselines.sb3_ppo import Sb3PPO
        from agents.learners.parts import on_policy

        if problem.space.discrete:
            raise ValueError("learner sb3_ppo has continuous actions, but those of the tasks are discrete: take oracle")
        return Sb3PPO(**vars(on_policy(problem, observes_task=True)))
