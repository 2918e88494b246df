"""Parts that several learners are built from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agents.network_settings import EmbeddingSettings

if TYPE_CHECKING:
    from agents.baselines.joint import Joint
    from agents.learner import Objective
    from agents.nn.embeddings import ConvClassifier
    from agents.nn.perceptrons import RegressionMLP
    from agents.problem import Problem


def classifier(problem: Problem, embedding: EmbeddingSettings | None) -> ConvClassifier | RegressionMLP:
    """The network of a gradient learner: an image classifier, or a regression from one number to one number."""
    from agents.nn.embeddings import ConvClassifier
    from agents.nn.perceptrons import RegressionMLP

    if problem.answers == "classes":
        return ConvClassifier((embedding or EmbeddingSettings(down="stride")).build(problem.image), problem.way)
    return RegressionMLP()


def inner_objective(estimator: str) -> Objective:
    """The inner objective of a policy gradient estimator, which decides how the inner step is differentiated."""
    from agents.objectives import dice, policy_gradient, score_function

    objectives: dict[str, Objective] = {
        "lvc": policy_gradient,
        "loglik": score_function,
        "dice": dice,
        "emaml": score_function,
        "first_order": policy_gradient,
    }
    return objectives[estimator]


def on_policy(problem: Problem, observes_task: bool) -> Joint:
    """A policy with a value function, which observes the task's true parameters where the policy does, or may."""
    from agents.baselines.joint import Joint

    seen = 0 if observes_task else problem.critic_descriptor  # with the observation already
    critic = problem.policy.build_critic(problem.inputs, seen)
    network, outer = problem.policy_network(), problem.penalized_objective()
    return Joint(network, critic, problem.inputs, outer, problem.value_coef, observes_task)


def penalty_options(problem: Problem) -> dict[str, Any]:
    """ProMP's KL penalty on the support data, as options of a learner."""
    coef = problem.penalty_coef
    return {"support_penalty": problem.penalty if coef else None, "penalty_coef": coef}


def post_adaptation_options(problem: Problem, estimator: str) -> dict[str, Any]:
    """The penalty, and E-MAML's credit of the actions before adaptation, as options of a learner."""
    from agents.objectives import exploration_credit

    return {"exploration": exploration_credit if estimator == "emaml" else None} | penalty_options(problem)
