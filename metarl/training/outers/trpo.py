"""TRPO through the adaptation: MAML's own outer step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from envs.settings import NonNegative, Positive
from metarl.config.outer_settings import OuterContext, OuterSettings

if TYPE_CHECKING:
    from metarl.training.trpo import TRPO


class Settings(OuterSettings):
    """Trust-region step on the adapted policy (Schulman et al. 2015); see `metarl.training.trpo.TRPO`."""

    kind: Literal["trpo"] = "trpo"
    max_kl: Positive = 0.01
    cg_iterations: Annotated[int, Field(ge=1, le=1000)] = 10
    damping: NonNegative = 1e-5
    line_search_steps: Annotated[int, Field(ge=1, le=1000)] = 15
    last_round_only: ClassVar[bool] = True

    def build(self, context: OuterContext) -> TRPO:
        from metarl.training.trpo import TRPO

        return TRPO(context.learner, context.theta, ranks=context.ranks, **self.model_dump(exclude={"kind"}))
