"""Sine waves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from envs.task_settings import ON_THREADS, Answers, Simulation, TaskSettings

if TYPE_CHECKING:
    from envs.fewshot.sinusoid import Sinusoid


class Settings(TaskSettings):
    """Sine waves of which `shot` points are shown; `reptile` is the variant with every phase."""

    kind: Literal["sinusoid"] = "sinusoid"
    variant: Literal["maml", "reptile"] = "maml"
    shot: Annotated[int, Field(ge=1, le=1000, strict=True)] = 10
    query: Annotated[int, Field(ge=1, le=1000, strict=True)] = 10
    answers: ClassVar[Answers] = "numbers"
    evaluator: ClassVar[str] = "regression"

    def data_key(self) -> dict[str, Any]:
        return self.model_dump(exclude={"shot", "query"})

    def build(self, simulation: Simulation = ON_THREADS) -> Sinusoid:
        from envs.fewshot.sinusoid import Sinusoid

        return Sinusoid(self.shot, self.query, self.variant)
