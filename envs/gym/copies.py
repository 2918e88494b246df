"""Copies and pickles of environments: made anew by their specification."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gymnasium.envs.registration import EnvSpec

    from envs.core import Tasks


def rebuilt(make: Callable[..., Any], options: Mapping[str, Any], tasks: Tasks | None, spec: EnvSpec | None) -> Any:
    """A new environment with the same options, and the tasks that its user has set; it begins with a reset.

    The state of the simulation, of random numbers and of windows is not copied.
    """
    env = make(**options)
    if tasks is not None:
        env.tasks = tasks
    env.spec = spec
    return env
