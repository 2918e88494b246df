"""Sequences to be copied from memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from envs.task_settings import ON_THREADS, Answers, Simulation, TaskSettings

if TYPE_CHECKING:
    from envs.fewshot.copying import Copying


class Settings(TaskSettings):
    """Sequences of up to `length` vectors of `bits` bits, to be repeated up to `repeats` times (Graves et al. 2014)."""

    kind: Literal["copy"] = "copy"
    length: Annotated[int, Field(ge=1, le=1000, strict=True)] = 20
    repeats: Annotated[int, Field(ge=1, le=100, strict=True)] = 1
    bits: Annotated[int, Field(ge=1, le=100, strict=True)] = 8
    answers: ClassVar[Answers] = "sequences"
    evaluator: ClassVar[str] = "sequences"

    def build(self, simulation: Simulation = ON_THREADS) -> Copying:
        from envs.fewshot.copying import Copying

        return Copying((1, self.length), (1, self.repeats), self.bits)
