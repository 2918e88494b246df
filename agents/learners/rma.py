"""RMA: rapid motor adaptation, a teacher and a student in one phase."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from agents.network_settings import Widths
from agents.settings import Look, MemorySettings
from envs.settings import Count, Positive
from envs.task_settings import Answers

if TYPE_CHECKING:
    from agents.learner import Learner
    from agents.problem import Problem


class Settings(MemorySettings):
    """RMA (Kumar et al. 2021), in one phase (Fu et al. 2022): a student estimates from history what a teacher is told.

    hidden: units of the GRU that reads the history. latent: size of the estimate. teacher: units of the teacher's
    hidden layers. latent_coef: weight of the error between them. informed: share of the worlds that act on the
    teacher's latent in training.
    """

    kind: Literal["rma"] = "rma"
    names: ClassVar[dict[str, Look]] = {"RMA": Look("sky", "P")}
    hidden: Count = 128
    latent: Count = 16
    teacher: Widths = (128,)
    latent_coef: Positive = 1.0
    informed: Annotated[float, Field(gt=0, lt=1)] = 0.75
    accepts: ClassVar[tuple[Answers, ...]] = ("actions",)

    def build(self, problem: Problem) -> Learner[Any]:
        from agents.memory.rma import RMA
        from agents.nn.cores import GRU
        from agents.nn.perceptrons import MLP

        inputs, told = problem.space.obs + problem.space.act + 2, problem.critic_descriptor
        if not told:
            raise ValueError("rma has nothing to tell its teacher: no variable of the tasks varies")
        core = GRU(inputs, self.hidden)
        return RMA(
            core,
            inputs,
            problem.policy.build(inputs + self.latent, problem.space),
            problem.policy.build_critic(inputs, told),
            problem.penalized_objective(),
            problem.value_coef,
            **self.trial_options,
            teacher=MLP(told, *self.teacher, self.latent, activation=problem.policy.activation),
            student=MLP(core.dim, self.latent),
            latent_coef=self.latent_coef,
            informed=self.informed,
        )
