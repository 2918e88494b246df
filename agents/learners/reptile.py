"""Reptile: moves the initial weights towards those after training on a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from agents.network_settings import PolicySettings
from agents.settings import SUPERVISED, GradientSettings, InnerSteps, Look, Only
from envs.settings import NonNegative, Rate
from envs.task_settings import TaskSettings

if TYPE_CHECKING:
    from agents.learner import Learner
    from agents.problem import Problem


class Settings(GradientSettings):
    """Reptile (Nichol et al. 2018): moves the initial weights towards those after training on a task.

    inner_lr, inner_steps: step size and number of gradient steps on each batch of data. inner_optimizer: `sgd`, or
    `adam` without momentum, as in the paper. minibatch: examples of a gradient step on supervised tasks; 0 takes all of
    the support, then all of the query. clip_coef: of PPO's clipped objective in the inner steps of policies; 0 uses the
    policy gradient itself. test_steps: gradient steps in evaluation, 50 by default.
    """

    kind: Literal["reptile"] = "reptile"
    names: ClassVar[dict[str, Look]] = {"Reptile": Look("orange", "v")}
    inner_lr: Rate = 0.1
    inner_steps: InnerSteps = 1
    clip_coef: NonNegative = 0.0
    minibatch: Annotated[int, Field(ge=0, le=100_000)] = 0
    inner_optimizer: Literal["sgd", "adam"] = "sgd"
    outers: ClassVar[tuple[str, ...]] = ("gradient",)
    only: ClassVar[Only] = GradientSettings.only | {
        "minibatch": (SUPERVISED, "learner.minibatch is for supervised tasks: it counts examples, not episodes"),
        "clip_coef": (("actions",), "learner.clip_coef is for policies: supervised tasks have no actions"),
    }

    def check(self, tasks: TaskSettings, policy: PolicySettings, outer: Any, train: Any) -> None:
        if self.inner_optimizer == "adam" and getattr(outer, "optimizer", "") != "sgd":
            raise ValueError(
                "learner.inner_optimizer adam keeps its statistics in theta: outer.optimizer has to be sgd"
            )

    def build(self, problem: Problem) -> Learner[Any]:
        from agents.learners.parts import classifier
        from agents.objectives import clipped_policy_gradient, policy_gradient
        from agents.optimization import Reptile, Supervised

        if not problem.is_supervised:
            inner = clipped_policy_gradient(self.clip_coef) if self.clip_coef else policy_gradient
            network = problem.policy_network()
            return Reptile(
                network, inner, self.inner_lr, self.inner_steps, self.rounds, inner_optimizer=self.inner_optimizer
            )
        learner = Reptile(
            classifier(problem, self.embedding),
            problem.objective,
            self.inner_lr,
            self.inner_steps,
            minibatch=self.minibatch,
            inner_optimizer=self.inner_optimizer,
        )
        return Supervised(learner, problem.way, self.test_steps or 50, self.bn)
