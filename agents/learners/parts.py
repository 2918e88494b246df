"""Parts that several learners are built from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from agents.network_settings import EmbeddingSettings
from agents.settings import ON_POLICY_ONLY, LearnerSettings
from envs.settings import Fraction, Number, Positive
from envs.task_settings import Answers

if TYPE_CHECKING:
    from agents.baselines.joint import Joint
    from agents.learner import Objective
    from agents.nn.embeddings import ConvClassifier
    from agents.nn.perceptrons import RegressionMLP
    from agents.problem import Problem


class SoftActorCriticSettings(LearnerSettings):
    """What soft actor-critics have in common.

    tau: share of the way that the slow copies of the value functions take to them in each update. target_entropy: of
    the policy in nats, by default minus the number of actions. init_alpha: initial temperature.
    """

    accepts: ClassVar[tuple[Answers, ...]] = ("actions",)
    ignores: ClassVar[tuple[tuple[str, str], ...]] = ON_POLICY_ONLY
    tau: Fraction = 0.005
    target_entropy: Number | None = None
    init_alpha: Positive = 1.0

    def actor_critic(self, problem: Problem, inputs: int, otherwise: str) -> dict[str, Any]:
        """Networks and options of one whose policy is given `inputs` numbers. Raises ValueError for discrete actions,
        which names the learner to take otherwise.
        """
        from agents.nn.perceptrons import MLP

        act, policy = problem.space.act, problem.policy
        if problem.space.discrete:
            raise ValueError(
                f"learner {self.kind} has continuous actions, but those of the tasks are discrete: take {otherwise}"
            )
        return {
            "actor": MLP(inputs, *policy.hidden, 2 * act, activation=policy.activation, last_gain=policy.last_gain),
            "critic": MLP(inputs + act, *policy.hidden, 1, activation=policy.activation),
            "gamma": problem.gamma,
            "tau": self.tau,
            "target_entropy": -float(act) if self.target_entropy is None else self.target_entropy,
            "init_alpha": self.init_alpha,
        }


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
