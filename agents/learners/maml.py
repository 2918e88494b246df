"""MAML and its variants: FOMAML, Meta-SGD, ANIL, E-MAML, with ProMP's outer step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from agents.network_settings import PolicySettings
from agents.settings import Estimator, GradientSettings, InnerSteps, Look, Only
from envs.settings import Rate
from envs.task_settings import Answers, TaskSettings

if TYPE_CHECKING:
    from agents.learner import Learner
    from agents.problem import Problem

ESTIMATES_POLICIES: Only = {
    "estimator": (("actions",), "learner.estimator is for policies: for supervised tasks use learner.first_order")
}


class Settings(GradientSettings):
    """MAML (Finn et al. 2017); first_order is FOMAML, learn_inner_lr is Meta-SGD, adapted_params `head` is ANIL.

    inner_lr, inner_steps: step size and number of gradient steps on each batch of support data. inner_lr_decay: factor
    of the step size from round to round. each_round: the outer objective is averaged over all rounds, not only that
    after the last.
    first_order: the gradient is not differentiated through the inner steps. learn_inner_lr: a learned step size for
    every parameter. lr_per_step: in its place one for every layer and step; norm_per_step: with that, scales and shifts
    of batch normalisation that are learned for every step, and not adapted; each_step: the outer objective is averaged
    over all steps (all of MAML++). adapted_params: `all` parameters are adapted, or those of the last layer (`head`).
    estimator: how the policy gradient of an inner step is differentiated: `lvc` (Rothfuss et al. 2019), `loglik`
    (differentiates log-probabilities, which loses a part of the gradient), `dice` (Foerster et al. 2018), `emaml`
    (Stadie et al. 2018), or `first_order` (not at all).
    test_steps: gradient steps in evaluation, 3 by default.
    """

    kind: Literal["maml"] = "maml"
    names: ClassVar[dict[str, Look]] = {
        "MAML": Look("blue"),
        "FOMAML": Look("sky", "s"),
        "Meta-SGD": Look("indigo", "D"),
        "ANIL": Look("green", "^"),
        "E-MAML": Look("blue", "P"),
        "MAML++": Look("indigo", "P"),
    }
    inner_lr: Rate = 0.1
    inner_steps: InnerSteps = 1
    inner_lr_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    each_round: bool = False
    first_order: bool = False
    estimator: Estimator = "lvc"
    each_step: bool = False
    learn_inner_lr: bool = False
    lr_per_step: bool = False
    norm_per_step: bool = False
    adapted_params: Literal["all", "head"] = "all"
    only: ClassVar[Only] = GradientSettings.only | {
        "each_step": (("classes", "numbers"), "learner.each_step is for supervised tasks: for policies use each_round"),
        "each_round": (("actions",), "learner.each_round is for policies: a supervised task has one round"),
        "norm_per_step": (("classes",), "learner.norm_per_step is of batch normalisation: it is for images"),
        "inner_lr_decay": (("actions",), "learner.inner_lr_decay is for policies: a supervised task has one round"),
        **ESTIMATES_POLICIES,
    }

    def display_name(self, answers: Answers) -> str:
        first = self.first_order or self.estimator == "first_order"
        meta_sgd = self.learn_inner_lr and not self.lr_per_step
        base = "FOMAML" if first else "Meta-SGD" if meta_sgd else "MAML"
        base = "MAML++" if base == "MAML" and self.lr_per_step and self.each_step else base
        base = "ANIL" if self.adapted_params == "head" else base
        if first or self.estimator == "lvc":
            return base
        return "E-MAML" if (base, self.estimator) == ("MAML", "emaml") else f"{base}, {self.estimator}"

    @property
    def published_name(self) -> str:
        return "fomaml" if self.first_order else "maml"

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if self.lr_per_step and not self.learn_inner_lr:
            raise ValueError("lr_per_step is of learned rates: give learn_inner_lr true too")
        if self.norm_per_step and not self.lr_per_step:
            raise ValueError("norm_per_step is of steps with rates of their own: give lr_per_step true too")
        if self.norm_per_step and self.embedding is not None and self.embedding.network == "pretrained":
            raise ValueError("norm_per_step is of batch normalisation, and a pretrained network has none: leave it out")
        if self.each_step and self.inner_steps == 1:
            raise ValueError("each_step averages over inner_steps, of which there is one: leave it out")
        if self.lr_per_step and self.inner_lr_decay != 1:
            raise ValueError("inner_lr_decay is of rates that are not learned for each step: leave it out")
        return self

    def check(self, tasks: TaskSettings, policy: PolicySettings, outer: Any, train: Any) -> None:
        check_estimator(self.estimator, outer, train.episodes)
        if outer.last_round_only and self.each_round:
            raise ValueError(f"learner.each_round is for outer.kind ppo: {outer.kind} uses the last round only")

    def build(self, problem: Problem) -> Learner[Any]:
        from agents.learners.parts import classifier, inner_objective, post_adaptation_options
        from agents.optimization import MAML, Supervised

        supervised = problem.is_supervised
        network = classifier(problem, self.embedding) if supervised else problem.policy_network()
        options = {} if supervised else {"rounds": self.rounds} | post_adaptation_options(problem, self.estimator)
        learner = MAML(
            network,
            problem.objective if supervised else inner_objective(self.estimator),
            problem.objective,
            self.inner_lr,
            self.inner_steps,
            first_order=self.first_order or self.estimator == "first_order",
            learn_inner_lr=self.learn_inner_lr,
            adapted_params=network.head if self.adapted_params == "head" else (),
            inner_lr_decay=self.inner_lr_decay,
            each_round=self.each_round,
            each_step=self.each_step,
            lr_per_step=self.lr_per_step,
            norm_per_step=self.norm_per_step,
            **options,
        )
        return Supervised(learner, problem.way, self.test_steps or 3, self.bn) if supervised else learner


def check_estimator(estimator: str, outer: Any, episodes: int) -> None:
    """Raise ValueError where E-MAML's estimator cannot work."""
    if estimator == "emaml" and episodes == 1:
        raise ValueError("learner.estimator emaml compares episodes with each other: train.episodes is 1")
    if estimator == "emaml" and outer.last_round_only:
        reason = f"outer.kind {outer.kind} leaves it out"
        raise ValueError(f"learner.estimator emaml credits the actions before adaptation: {reason}")
