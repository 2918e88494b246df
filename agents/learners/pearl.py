"""PEARL: a posterior over tasks from single steps, and a soft actor-critic that observes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from agents.network_settings import Widths
from agents.settings import ON_POLICY_ONLY, LearnerSettings, Look
from envs.settings import Count, Fraction, NonNegative, Number, Positive
from envs.task_settings import Answers

if TYPE_CHECKING:
    from agents.learner import Learner
    from agents.problem import Problem


class Settings(LearnerSettings):
    """PEARL (Rakelly et al. 2019): off-policy; the task is inferred from single steps, a sample of it acts an episode.

    latent: size of the latent task. encoder: units of the encoder's hidden layers. kl_coef: weight of the divergence of
    the posterior to the prior. next_state: whether the encoder is given the state that follows a step, for tasks that
    differ in their dynamics. tau: share of the way that the slow copies of the value functions take to them in each
    update. target_entropy: of the policy in nats, by default minus the number of actions. init_alpha: initial
    temperature.
    """

    kind: Literal["pearl"] = "pearl"
    names: ClassVar[dict[str, Look]] = {"PEARL": Look("wine", "D")}
    accepts: ClassVar[tuple[Answers, ...]] = ("actions",)
    outers: ClassVar[tuple[str, ...]] = ("meta_off_policy",)
    ignores: ClassVar[tuple[tuple[str, str], ...]] = ON_POLICY_ONLY
    latent: Count = 5
    encoder: Widths = (200, 200, 200)
    kl_coef: NonNegative = 0.1
    next_state: bool = False
    tau: Fraction = 0.005
    target_entropy: Number | None = None
    init_alpha: Positive = 1.0

    def check(self, tasks: Any, policy: Any, outer: Any, train: Any) -> None:
        if train.episodes != 1:
            raise ValueError(
                f"learner pearl samples a latent task for every episode, so that a round has one: train.episodes is "
                f"{train.episodes}, expected 1"
            )
        if train.curriculum:
            raise ValueError("learner pearl keeps its training tasks: leave out train.curriculum")

    def build(self, problem: Problem) -> Learner[Any]:
        from agents.latent.pearl import PEARL
        from agents.nn.perceptrons import MLP

        if problem.space.discrete:
            raise ValueError("learner pearl has continuous actions, but those of the tasks are discrete: take gru")
        obs, act, policy = problem.space.obs, problem.space.act, problem.policy
        inputs, context = obs + self.latent, obs + act + 1 + (obs if self.next_state else 0)
        return PEARL(
            MLP(inputs, *policy.hidden, 2 * act, activation=policy.activation, last_gain=policy.last_gain),
            MLP(inputs + act, *policy.hidden, 1, activation=policy.activation),
            gamma=problem.gamma,
            tau=self.tau,
            target_entropy=-float(act) if self.target_entropy is None else self.target_entropy,
            init_alpha=self.init_alpha,
            encoder=MLP(context, *self.encoder, 2 * self.latent, activation=policy.activation),
            kl_coef=self.kl_coef,
            next_state=self.next_state,
        )
