"""Environments that are registered with Gymnasium, whoever wrote them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, field_validator

from envs.settings import Count
from envs.task_settings import ON_THREADS, Simulation, TaskSettings
from envs.tasks.variable_settings import VariableSettings

if TYPE_CHECKING:
    from envs.gymnasium_tasks import GymnasiumTasks


class Settings(TaskSettings):
    """An environment registered with Gymnasium, of which some numbers vary: attributes of its object."""

    kind: Literal["gymnasium"] = "gymnasium"
    id: Annotated[str, Field(max_length=100)]
    vary: dict[str, VariableSettings]
    horizon: Count | None = None

    @field_validator("id")
    @classmethod
    def _names_no_code(cls, name: str) -> str:
        if ":" in name:
            raise ValueError(f"{name} names a module to import: give --plugin {name.split(':')[0]}, and the id without")
        return name

    @field_validator("vary")
    @classmethod
    def _have_names(cls, vary: dict[str, VariableSettings]) -> dict[str, VariableSettings]:
        for name, varied in vary.items():
            if not name.isidentifier() or name.startswith("__"):
                raise ValueError(f"{name!r} is no name of an attribute")
            if varied.per_element:
                raise ValueError(f"{name} has no elements: it is one number")
        return vary

    @property
    def title(self) -> str:
        return self.id

    def build(self, simulation: Simulation = ON_THREADS) -> GymnasiumTasks:
        import gymnasium

        from envs.gymnasium_tasks import GymnasiumTasks

        try:
            gymnasium.spec(self.id)
        except gymnasium.error.Error as error:
            raise ValueError(f"tasks.id: {str(error).splitlines()[0]}") from None
        variables = tuple(varied.variable(name) for name, varied in self.vary.items())
        return GymnasiumTasks(lambda: gymnasium.make(self.id), variables, self.horizon)
