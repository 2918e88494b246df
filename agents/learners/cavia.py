"""CAVIA: adapts only a context vector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from agents.learners.maml import ESTIMATES_POLICIES, check_estimator
from agents.network_settings import EmbeddingSettings, PolicySettings
from agents.settings import Estimator, GradientSettings, InnerSteps, Look, Only
from envs.settings import Rate
from envs.task_settings import TaskSettings

if TYPE_CHECKING:
    from agents.learner import Learner
    from agents.nn.conditioned import ContextNetwork
    from agents.problem import Problem


class Settings(GradientSettings):
    """CAVIA (Zintgraf et al. 2019): adapts only a context vector, which is concatenated to the input, or modulates the
    feature maps of images.

    context: length of the vector. inner_lr, inner_steps: step size and number of gradient steps on each batch of
    support data. first_order: the gradient is not differentiated through the inner steps (supervised tasks). estimator:
    how the policy gradient of an inner step is differentiated, as in `maml`. test_steps: gradient steps in evaluation,
    as many as in training by default.
    """

    kind: Literal["cavia"] = "cavia"
    names: ClassVar[dict[str, Look]] = {"CAVIA": Look("vermilion", "P")}
    context: Annotated[int, Field(ge=1, le=10_000)] = 5
    inner_lr: Rate = 1.0
    inner_steps: InnerSteps = 1
    first_order: bool = False
    estimator: Estimator = "lvc"
    only: ClassVar[Only] = GradientSettings.only | {
        "first_order": (
            ("classes", "numbers"),
            "learner.first_order is for supervised tasks: for policies use learner.estimator first_order",
        ),
        **ESTIMATES_POLICIES,
    }

    @model_validator(mode="after")
    def _modulates_maps(self) -> Self:
        if self.embedding is not None and self.embedding.network != "conv4":
            raise ValueError(f"embedding.network is {self.embedding.network}, but CAVIA modulates maps of conv4")
        return self

    def check(self, tasks: TaskSettings, policy: PolicySettings, outer: Any, train: Any) -> None:
        check_estimator(self.estimator, outer, train.episodes)

    def build(self, problem: Problem) -> Learner[Any]:
        from agents.learners.parts import inner_objective, post_adaptation_options
        from agents.optimization import CAVIA, Supervised

        supervised = problem.is_supervised
        learner = CAVIA(
            self._network(problem),
            self.context,
            problem.objective if supervised else inner_objective(self.estimator),
            problem.objective,
            self.inner_lr,
            self.inner_steps,
            self.rounds,
            self.first_order or self.estimator == "first_order",
            **({} if supervised else post_adaptation_options(problem, self.estimator)),
        )
        if not supervised:
            return learner
        return Supervised(learner, problem.way, self.test_steps or self.inner_steps, self.bn)

    def _network(self, problem: Problem) -> ContextNetwork[Any]:
        from agents.nn.conditioned import Concatenated, FilmClassifier
        from agents.nn.embeddings import Conv4
        from agents.nn.perceptrons import RegressionMLP

        if problem.answers == "classes":
            embedding = (self.embedding or EmbeddingSettings(down="stride")).build(problem.image)
            assert isinstance(embedding, Conv4)  # by the validator above
            return FilmClassifier(embedding, problem.way, self.context)
        if problem.answers == "numbers":
            return Concatenated(RegressionMLP(inputs=1 + self.context))
        return Concatenated(problem.policy_network(extra_inputs=self.context))
