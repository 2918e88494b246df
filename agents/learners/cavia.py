"""CAVIA: adapts only a context vector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from agents.learners.maml import check_estimator
from agents.network_settings import PolicySettings
from agents.settings import Estimator, InnerSteps, LearnerSettings, Look, Rounds
from envs.settings import Rate
from envs.task_settings import Answers, TaskSettings

if TYPE_CHECKING:
    from agents.learner import Learner
    from agents.problem import Problem


class Settings(LearnerSettings):
    """CAVIA (Zintgraf et al. 2019): adapts only a context vector that is concatenated to the input.

    context: length of the vector. inner_lr, inner_steps: step size and number of gradient steps on each batch of
    support data. rounds: batches of support data, each adapted on in turn. estimator: how the policy gradient of an
    inner step is differentiated, as in `maml`.
    """

    kind: Literal["cavia"] = "cavia"
    names: ClassVar[dict[str, Look]] = {"CAVIA": Look("vermilion", "P")}
    context: Annotated[int, Field(ge=1, le=10_000)] = 5
    inner_lr: Rate = 1.0
    inner_steps: InnerSteps = 1
    rounds: Rounds = 1
    estimator: Estimator = "lvc"
    accepts: ClassVar[tuple[Answers, ...]] = ("actions",)

    def check(self, tasks: TaskSettings, policy: PolicySettings, outer: Any, train: Any) -> None:
        check_estimator(self.estimator, outer, train.episodes)

    def build(self, problem: Problem) -> Learner[Any]:
        from agents.learners.parts import inner_objective, post_adaptation_options
        from agents.optimization import CAVIA

        return CAVIA(
            problem.policy_network(extra_inputs=self.context),
            self.context,
            inner_objective(self.estimator),
            problem.objective,
            self.inner_lr,
            self.inner_steps,
            self.rounds,
            self.estimator == "first_order",
            **post_adaptation_options(problem, self.estimator),
        )
