"""A task family: straight lines, of which a few points are shown. As envs/tasks/lines.py, or as a plugin."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from envs.task_settings import ON_THREADS, Simulation, TaskSettings


class Settings(TaskSettings):
    """Straight lines of which `shot` points are shown."""

    kind: Literal["lines"] = "lines"
    shot: int = Field(10, ge=1)
    query: int = Field(10, ge=1)
    answers: ClassVar[Any] = "numbers"
    evaluator: ClassVar[str] = "regression"

    def build(self, simulation: Simulation = ON_THREADS) -> Any:
        from lines import Lines  # torch is imported only when the family is built

        return Lines(self.shot, self.query)
