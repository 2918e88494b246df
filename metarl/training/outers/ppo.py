"""PPO's clipped epochs through the adaptation: ProMP's outer step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from envs.settings import NonNegative, Positive, Rate
from metarl.config.outer_settings import OuterContext, OuterSettings

if TYPE_CHECKING:
    from agents.learner import Objective
    from metarl.training.outer import Gradient

STEPS_AT_ONCE = 10_000  # of a round's episodes; measured on half-cheetah: those of more tasks fall out of the caches


class Settings(OuterSettings):
    """Several clipped epochs with a KL penalty, as in ProMP (Rothfuss et al. 2019).

    minibatches: parts of the experience, each of which takes a step in every epoch: of the tasks, of the trials of a
    policy with a memory, or of the single steps of one that does not adapt. value_coef: of half the squared error of a
    learned value function, in units of the return's standard deviation.
    target_kl: no further epoch is begun once the KL of an iteration is beyond this; 0 takes all. desired_kl: the rate
    is lowered or raised from iteration to iteration until the KL comes to about this; 0 leaves it alone. ent_coef:
    weight of the policy's entropy.
    lr_anneal: the rate falls in a line to 0 at the last iteration.
    """

    kind: Literal["ppo"] = "ppo"
    outer_lr: Rate = 1e-3
    num_epochs: Annotated[int, Field(ge=1, le=1000)] = 5
    clip_coef: Positive = 0.3
    kl_coef: NonNegative = 5e-4
    ent_coef: NonNegative = 0.0
    value_coef: NonNegative = 0.5
    minibatches: Annotated[int, Field(ge=1, le=1000)] = 1
    max_grad_norm: NonNegative = 0.0
    target_kl: NonNegative = 0.0
    desired_kl: NonNegative = 0.0
    lr_anneal: bool = False

    @property
    def anneals(self) -> bool:
        return self.lr_anneal

    @property
    def penalty_coef(self) -> float:
        return self.kl_coef

    def surrogate(self) -> Objective:
        from agents.objectives import clipped_policy_gradient, entropy, with_penalty

        return with_penalty(clipped_policy_gradient(self.clip_coef), entropy, -self.ent_coef)

    def check(self, parts: int, what: str, predicts_value: bool, learner: str) -> None:
        if not predicts_value and self.value_coef != 0.5:
            raise ValueError(f"outer.value_coef is for learners with a value function: {learner} predicts no returns")
        if self.minibatches > parts:
            raise ValueError(f"outer.minibatches is {self.minibatches}, but there are only {parts} {what}")

    def build(self, context: OuterContext) -> Gradient:
        from agents.learner import device_of
        from metarl.training.outer import Gradient

        on_cpu = device_of(context.theta).type == "cpu"  # where fewer tasks stay in the caches; a GPU takes all
        return Gradient(
            context.learner,
            context.theta,
            outer_lr=self.outer_lr,
            num_epochs=self.num_epochs,
            minibatches=self.minibatches,
            max_grad_norm=self.max_grad_norm,
            target_kl=self.target_kl,
            desired_kl=self.desired_kl,
            lr_anneal_over=context.iterations if self.lr_anneal else 0,
            chunk=max(STEPS_AT_ONCE // context.steps, 1) if on_cpu else 0,
            ranks=context.ranks,
            tasks=context.num_tasks,
        )
