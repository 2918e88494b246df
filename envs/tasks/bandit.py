"""Bandits, whose best policy is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from envs.task_settings import ON_THREADS, Simulation, TaskSettings

if TYPE_CHECKING:
    from envs.bandit import BernoulliBandit


class Settings(TaskSettings):
    """Arms that pay with probabilities to be found out within `pulls` pulls."""

    kind: Literal["bandit"] = "bandit"
    arms: Annotated[int, Field(ge=2, le=1000, strict=True)] = 5
    pulls: Annotated[int, Field(ge=1, le=10_000, strict=True)] = 10

    def build(self, simulation: Simulation = ON_THREADS) -> BernoulliBandit:
        from envs.bandit import BernoulliBandit

        return BernoulliBandit(self.arms, self.pulls)
