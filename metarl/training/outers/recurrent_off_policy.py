"""Off-policy learning of a policy with a memory: collect whole trials, then learn from parts of stored ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from envs.settings import Count, Rate
from metarl.config.outer_settings import OuterContext, OuterSettings

if TYPE_CHECKING:
    from metarl.training.recurrent_off_policy import RecurrentOffPolicyOuter


class Settings(OuterSettings):
    """Learning from a replay of trials (recurrent SAC): an iteration collects `train.num_tasks` new tasks.

    outer_lr: Adam's rate, of everything that learns. batch_size: parts of trials of an update. length: steps of a part
    that are learned from. burn_in: steps before those, which form the memory. updates: updates of an iteration.
    replay_size: steps that are kept, in whole trials; they are a part of every checkpoint.
    """

    kind: Literal["recurrent_off_policy"] = "recurrent_off_policy"
    outer_lr: Rate = 3e-4
    batch_size: Count = 32
    length: Count = 64
    burn_in: Annotated[int, Field(ge=0, le=1_000_000)] = 32
    updates: Count = 200
    replay_size: Count = 1_000_000
    collects: ClassVar[bool] = True

    def stored_transitions(self, num_tasks: int) -> int:
        return self.replay_size

    def build(self, context: OuterContext) -> RecurrentOffPolicyOuter:
        from metarl.training.recurrent_off_policy import RecurrentOffPolicyOuter

        return RecurrentOffPolicyOuter(context, **self.model_dump(exclude={"kind"}))
