"""VariBAD: a belief over tasks, inferred while acting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from agents.network_settings import Widths
from agents.settings import Look, MemorySettings
from envs.settings import Count, NonNegative, Positive
from envs.task_settings import Answers

if TYPE_CHECKING:
    from agents.distributions import Policy
    from agents.learner import Learner, Network
    from agents.problem import Problem


class Settings(MemorySettings):
    """VariBAD (Zintgraf et al. 2020): a GRU infers a belief over a latent task, from which rewards are decoded.

    hidden: units of the GRU. latent: size of the latent task. decoder: units of the decoder's hidden layers.
    decode_state: whether next states are decoded beside rewards. kl_coef: weight of the divergence between beliefs.
    vae_coef: weight of the evidence lower bound beside PPO. terms: beliefs of a trial that are decoded from. decoded:
    steps that are decoded from each. hypernetwork: whether the policy's weights are generated from the belief.
    embedding: numbers that they are generated from.
    """

    kind: Literal["varibad"] = "varibad"
    names: ClassVar[dict[str, Look]] = {
        "VariBAD": Look("green", "o"),
        "VariBAD hypernetwork": Look("green", "P", "--"),
    }
    hidden: Count = 128
    latent: Count = 5
    decoder: Widths = (64, 32)
    decode_state: bool = False
    kl_coef: NonNegative = 0.1
    vae_coef: Positive = 1.0
    terms: Count = 8
    decoded: Count = 50
    hypernetwork: bool = False
    embedding: Count | None = None
    accepts: ClassVar[tuple[Answers, ...]] = ("actions",)

    def display_name(self, answers: Answers) -> str:
        name = super().display_name(answers)
        return name.replace("VariBAD", "VariBAD hypernetwork") if self.hypernetwork else name

    def check(self, tasks: Any, policy: Any, outer: Any, train: Any) -> None:
        super().check(tasks, policy, outer, train)
        if (self.embedding is not None) != self.hypernetwork:
            raise ValueError("learner.embedding and learner.hypernetwork: true are given together, or neither")

    def build(self, problem: Problem) -> Learner[Any]:
        from agents.latent.varibad import VariBAD
        from agents.nn.cores import GRU
        from agents.nn.hypernetwork import HypernetworkPolicy
        from agents.nn.perceptrons import MLP

        obs, act = problem.space.obs, problem.space.act
        inputs, state = obs + act + 2, 2 * self.latent + obs
        core = GRU(inputs, self.hidden)
        policy: Network[Policy] = problem.policy.build(state, problem.space)
        if self.embedding is not None:
            base = problem.policy.build(obs, problem.space)
            policy = HypernetworkPolicy(base, 2 * self.latent, obs, self.embedding, observes_memory=False)
        told, answer = (obs + act, 1 + obs) if self.decode_state else (2 * obs + act, 1)
        return VariBAD(
            core,
            inputs,
            policy,
            problem.policy.build_critic(state, problem.critic_descriptor),
            problem.penalized_objective(),
            problem.value_coef,
            **self.trial_options,
            belief=MLP(core.dim, 2 * self.latent),
            decoder=MLP(self.latent + told, *self.decoder, answer, activation="elu"),
            obs=obs,
            kl_coef=self.kl_coef,
            vae_coef=self.vae_coef,
            terms=self.terms,
            decoded=self.decoded,
        )
