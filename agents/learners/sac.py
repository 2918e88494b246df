"""SAC: soft actor-critic, off-policy, without adaptation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from agents.settings import ON_POLICY_ONLY, LearnerSettings, Look
from envs.settings import Fraction, Number, Positive
from envs.task_settings import Answers

if TYPE_CHECKING:
    from agents.learner import Learner
    from agents.problem import Problem


class Settings(LearnerSettings):
    """Soft actor-critic (Haarnoja et al. 2018): off-policy, one policy for all tasks, or told the true task.

    told_task: whether policy and values observe the true task parameters, as the oracle does. tau: share of the way
    that the slow copies of the value functions take to them in each update. target_entropy: of the policy in nats, by
    default minus the number of actions. init_alpha: initial temperature.
    """

    kind: Literal["sac"] = "sac"
    names: ClassVar[dict[str, Look]] = {
        "SAC": Look("blue", "v", "--"),
        "SAC, observes the task": Look("blue", "*", "-."),
    }
    accepts: ClassVar[tuple[Answers, ...]] = ("actions",)
    outers: ClassVar[tuple[str, ...]] = ("off_policy",)
    counts: ClassVar[str] = "worlds"
    ignores: ClassVar[tuple[tuple[str, str], ...]] = ON_POLICY_ONLY
    told_task: bool = False
    tau: Fraction = 0.005
    target_entropy: Number | None = None
    init_alpha: Positive = 1.0

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
        from agents.nn.perceptrons import MLP

        if problem.space.discrete:
            raise ValueError("learner sac has continuous actions, but those of the tasks are discrete: take joint")
        inputs, act, policy = problem.inputs, problem.space.act, problem.policy
        return SAC(
            MLP(inputs, *policy.hidden, 2 * act, activation=policy.activation, last_gain=policy.last_gain),
            MLP(inputs + act, *policy.hidden, 1, activation=policy.activation),
            gamma=problem.gamma,
            tau=self.tau,
            target_entropy=-float(act) if self.target_entropy is None else self.target_entropy,
            init_alpha=self.init_alpha,
            observes_task=self.told_task,
        )
