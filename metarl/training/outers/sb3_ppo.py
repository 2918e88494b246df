"""Stable-Baselines3's PPO, which collects its experience itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from envs.settings import NonNegative, Positive, Rate
from metarl.config.outer_settings import OuterContext, OuterSettings

if TYPE_CHECKING:
    from metarl.training.sb3_ppo import Sb3Outer


class Settings(OuterSettings):
    """Stable-Baselines3's PPO (Raffin et al. 2021) with its own names and defaults: see its documentation.

    An iteration is one rollout of all worlds over the horizon; gamma and lambda are those of `advantage`.
    """

    kind: Literal["sb3_ppo"] = "sb3_ppo"
    learning_rate: Rate = 3e-4
    n_epochs: Annotated[int, Field(ge=1, le=1000)] = 10
    batch_size: Annotated[int, Field(ge=2, le=10**9)] = 64
    clip_range: Positive = 0.2
    ent_coef: NonNegative = 0.0
    vf_coef: NonNegative = 0.5
    max_grad_norm: Positive = 0.5
    collects: ClassVar[bool] = True

    def build(self, context: OuterContext) -> Sb3Outer:
        from metarl.training.sb3_ppo import Sb3Outer

        return Sb3Outer(context, self.model_dump(exclude={"kind"}))
