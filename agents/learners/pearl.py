"""PEARL: a posterior over tasks from single steps, and a soft actor-critic that observes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from agents.learners.parts import SoftActorCriticSettings
from agents.network_settings import Widths
from agents.settings import Look
from envs.settings import Count, NonNegative

if TYPE_CHECKING:
    from agents.learner import Learner
    from agents.problem import Problem


class Settings(SoftActorCriticSettings):
    """PEARL (Rakelly et al. 2019): off-policy; the task is inferred from single steps, a sample of it acts an episode.

    latent: size of the latent task. encoder: units of the encoder's hidden layers. kl_coef: weight of the divergence of
    the posterior to the prior. next_state: whether the encoder is given the state that follows a step, for tasks that
    differ in their dynamics.
    """

    kind: Literal["pearl"] = "pearl"
    names: ClassVar[dict[str, Look]] = {"PEARL": Look("wine", "D")}
    outers: ClassVar[tuple[str, ...]] = ("meta_off_policy",)
    latent: Count = 5
    encoder: Widths = (200, 200, 200)
    kl_coef: NonNegative = 0.1
    next_state: bool = False

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

        obs, act = problem.space.obs, problem.space.act
        context = obs + act + 1 + (obs if self.next_state else 0)
        return PEARL(
            **self.actor_critic(problem, obs + self.latent, "gru"),
            encoder=MLP(context, *self.encoder, 2 * self.latent, activation=problem.policy.activation),
            kl_coef=self.kl_coef,
            next_state=self.next_state,
        )
