"""A distribution by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from envs.settings import Count, Positive, Substeps
from envs.task_settings import ON_THREADS, Simulation, TaskSettings

if TYPE_CHECKING:
    from envs.named import Family


class Settings(TaskSettings):
    """A distribution by its name: a robot's own or a classic one (see `metarl list tasks`)."""

    kind: Literal["named"] = "named"
    name: str
    physics: Literal["fast", "gymnasium", "default", "pyramidal"] | None = None
    substeps: Substeps | None = None
    horizon: Count | None = None
    action_scale: Positive | None = None
    has_robot: ClassVar[bool] = True

    @property
    def title(self) -> str:
        return ", ".join([self.name, *(f"{k} {v}" for k, v in self.changes().items() if k != "action_scale")])

    def heading(self, varies: str) -> str:
        return self.title

    @property
    def is_point(self) -> bool:
        from envs import named

        return named.is_point(self.name)

    @property
    def published_as(self) -> str | None:
        return None if self.changes().keys() - {"action_scale"} else self.name

    def changes(self) -> dict[str, Any]:
        """What differs from the distribution as it is published; the units of actions change nothing of its tasks."""
        return self.model_dump(exclude={"kind", "name"}, exclude_none=True)

    def build(self, simulation: Simulation = ON_THREADS) -> Family:
        from envs import named

        return named.build_family(self.name, **simulation.options(), **self.changes())
