"""Off-policy meta-training: collect in some training tasks, then learn from a replay of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from envs.settings import Count, Rate
from metarl.config.outer_settings import OuterContext, OuterSettings

if TYPE_CHECKING:
    from metarl.training.meta_off_policy import MetaOffPolicyOuter


class Settings(OuterSettings):
    """Learning from a replay of each training task (PEARL); these stay the same: there are `train.num_tasks` of them.

    outer_lr: Adam's rate, of everything that learns. meta_batch: tasks of an update. batch_size: transitions of each.
    context_size: recent steps of each from which the task is inferred. context_from: the episodes that these are from,
    `all` of the latest, or those with a latent task from the `prior` (the authors' code). updates: of an iteration.
    collected_tasks: tasks that an iteration collects in. prior_episodes, posterior_episodes: episodes of each of them,
    with a latent task from the prior, and from what is known then. initial_episodes: of every task, before all others.
    replay_size: transitions of a task that are kept; they are a part of every checkpoint.
    """

    kind: Literal["meta_off_policy"] = "meta_off_policy"
    outer_lr: Rate = 3e-4
    meta_batch: Count = 16
    batch_size: Count = 256
    context_size: Count = 64
    context_from: Literal["all", "prior"] = "all"
    updates: Count = 2000
    collected_tasks: Count = 5
    prior_episodes: Count = 2
    posterior_episodes: Annotated[int, Field(ge=0, le=1_000_000)] = 2
    initial_episodes: Count = 10
    replay_size: Count = 100_000
    collects: ClassVar[bool] = True

    def stored_transitions(self, num_tasks: int) -> int:
        return num_tasks * self.replay_size

    def build(self, context: OuterContext) -> MetaOffPolicyOuter:
        from metarl.training.meta_off_policy import MetaOffPolicyOuter

        return MetaOffPolicyOuter(context, **self.model_dump(exclude={"kind"}))
