"""Off-policy: collect in turn with learning from a replay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from envs.settings import Count, Positive, Rate
from metarl.config.outer_settings import OuterContext, OuterSettings

if TYPE_CHECKING:
    from metarl.training.off_policy import OffPolicyOuter


class Settings(OuterSettings):
    """Learning from a replay (SAC): an iteration is one rollout over the horizon in all worlds, each task a new one.

    outer_lr: Adam's rate, of policy, values and temperature. batch_size: transitions of an update. updates_per_step:
    updates for each step of a world. learning_starts: steps of random actions before the first update. replay_size:
    transitions that are kept; they are a part of every checkpoint.
    """

    kind: Literal["off_policy"] = "off_policy"
    outer_lr: Rate = 3e-4
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)] = 256
    updates_per_step: Positive = 1.0
    learning_starts: Annotated[int, Field(ge=0, le=10**9)] = 10_000
    replay_size: Count = 1_000_000
    collects: ClassVar[bool] = True

    def stored_transitions(self, num_tasks: int) -> int:
        return self.replay_size

    def build(self, context: OuterContext) -> OffPolicyOuter:
        from metarl.training.off_policy import OffPolicyOuter

        return OffPolicyOuter(context, **self.model_dump(exclude={"kind"}))
