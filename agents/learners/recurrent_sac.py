"""Recurrent SAC: RL^2, off-policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from agents.settings import ON_POLICY_ONLY, LearnerSettings, Look
from envs.settings import Count, Fraction, Number, Positive
from envs.task_settings import Answers

if TYPE_CHECKING:
    from agents.learner import Learner
    from agents.problem import Problem


class Settings(LearnerSettings):
    """Recurrent SAC (Ni et al. 2022): RL^2 learned off-policy, with encoders of their own for policy and values.

    hidden: units of each GRU. rounds: episodes of a trial before its last. tau: share of the way that the slow copies
    of the value functions take to them in each update. target_entropy: of the policy in nats, by default minus the
    number of actions. init_alpha: initial temperature.
    """

    kind: Literal["recurrent_sac"] = "recurrent_sac"
    names: ClassVar[dict[str, Look]] = {"recurrent SAC": Look("purple", "v", "--")}
    accepts: ClassVar[tuple[Answers, ...]] = ("actions",)
    outers: ClassVar[tuple[str, ...]] = ("recurrent_off_policy",)
    counts: ClassVar[str] = "trials"
    ignores: ClassVar[tuple[tuple[str, str], ...]] = ON_POLICY_ONLY
    hidden: Count = 128
    rounds: Annotated[int, Field(ge=0, le=100)] = 1
    tau: Fraction = 0.005
    target_entropy: Number | None = None
    init_alpha: Positive = 1.0

    def build(self, problem: Problem) -> Learner[Any]:
        from agents.memory.recurrent_sac import RecurrentSAC
        from agents.nn.cores import GRU
        from agents.nn.perceptrons import MLP

        if problem.space.discrete:
            raise ValueError(
                "learner recurrent_sac has continuous actions, but those of the tasks are discrete: take gru"
            )
        act, policy = problem.space.act, problem.policy
        inputs = problem.space.obs + act + 2
        features = self.hidden + inputs
        return RecurrentSAC(
            GRU(inputs, self.hidden),
            MLP(features, *policy.hidden, 2 * act, activation=policy.activation, last_gain=policy.last_gain),
            MLP(features + act, *policy.hidden, 1, activation=policy.activation),
            gamma=problem.gamma,
            tau=self.tau,
            target_entropy=-float(act) if self.target_entropy is None else self.target_entropy,
            init_alpha=self.init_alpha,
            rounds=self.rounds,
        )
