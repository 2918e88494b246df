"""Observations and actions of an environment of one's own, in the units that a policy was trained in.

Axes: `W` worlds, `O` observation, `A` action.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import gymnasium
import numpy as np
import torch
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray
from torch import Tensor

from envs.core import Space
from metarl.errors import UserError

Env = gymnasium.Env[Any, Any] | VectorEnv[Any, Any, Any]
Floats = NDArray[np.float64]


class Controls(NamedTuple):
    """What the actions -1, 0 and 1 of a policy are in other units, [A] each; between them it is linear."""

    low: Floats
    hold: Floats
    high: Floats

    def of(self, unit: Floats) -> Floats:
        """Actions [..., A] in [-1, 1] in these units."""
        up, down = self.high - self.hold, self.hold - self.low
        return self.hold + unit.clip(0, 1) * up + unit.clip(-1, 0) * down


class ActionUnits:
    """Actions of a policy as an environment takes them.

    full: the full action in policy units. space: the environment's; by default a box of [-1, 1], or of discrete actions
    their number. controls: those of the robot, if the bounds of the box are theirs.
    """

    def __init__(self, policy: Space, full: float, space: Any = None, controls: Controls | None = None) -> None:
        self.discrete, self.full = policy.discrete, full
        if space is None:
            space = Discrete(policy.act) if policy.discrete else Box(-1.0, 1.0, (policy.act,), np.float32)
        self.space = space
        if policy.discrete:
            return
        low, high = space.low.astype(np.float64), space.high.astype(np.float64)
        self.controls = Controls(low, (low + high) / 2, high)
        if controls is not None and np.allclose(low, controls.low) and np.allclose(high, controls.high):
            self.controls = controls._replace(low=low, high=high)

    def of(self, act: Tensor) -> NDArray[Any]:
        """Policy actions [W, A], one-hot where they are discrete -> actions [W, A], or their numbers [W]."""
        if self.discrete:
            numbers: NDArray[Any] = act.argmax(-1).numpy().astype(self.space.dtype) + self.space.start
            return numbers
        unit = (act / self.full).clamp(-1.0, 1.0).double().numpy()
        return self.controls.of(unit).astype(self.space.dtype)


def spaces_of(env: object) -> tuple[Any, Any, int | None]:
    """Observation and action space of one world, and the number of worlds; None of a single environment.

    Raises UserError for what is no Gymnasium environment.
    """
    if isinstance(env, VectorEnv):
        return env.single_observation_space, env.single_action_space, int(env.num_envs)
    if isinstance(env, gymnasium.Env):
        return env.observation_space, env.action_space, None
    name = f"{type(env).__module__}.{type(env).__qualname__}"
    raise UserError(f"got {name}, expected a Gymnasium environment: gymnasium.make(...) or gymnasium.make_vec(...)")


def fitting(observed: Any, acted: Any, policy: Space, described: int, name: str) -> bool:
    """Whether the observations hold the task too. Raises UserError, naming both, for spaces that are not the policy's.

    described: numbers of the task that the policy observes; 0 for one that does not.
    """
    shape = observed.shape if isinstance(observed, Box) else None
    same = shape in {(policy.obs,), (policy.obs + described,)}
    if policy.discrete:
        same &= isinstance(acted, Discrete) and int(acted.n) == policy.act
    else:
        same &= isinstance(acted, Box) and acted.shape == (policy.act,)
    if not same:
        kind = "discrete actions" if policy.discrete else "actions"
        task = f" (and {described} of the task)" if described else ""
        raise UserError(
            f"the environment has observations {_short(observed)} and actions {_short(acted)}, but {name} was trained "
            f"on {policy.obs} numbers{task} and {policy.act} {kind}: give an environment with these"
        )
    if not policy.discrete and not (np.isfinite(acted.low).all() and np.isfinite(acted.high).all()):
        raise UserError(
            f"the environment has actions {_short(acted)} without limits, and {name} acts between limits: wrap it with "
            "gymnasium.wrappers.RescaleAction or give its action space bounds"
        )
    return described > 0 and shape == (policy.obs + described,)


def _short(space: Any) -> str:
    """A space in a few words: `Box(17)`."""
    if isinstance(space, Box):
        return f"Box({', '.join(map(str, space.shape))})"
    return " ".join(str(space).split())[:100]


def as_batch(obs: Any, size: int, name: str) -> tuple[Tensor, bool]:
    """Observations [W, O] float32, and whether they were those of one world [O]. Raises UserError for others."""
    array = torch.from_numpy(np.array(obs, dtype=np.float32))  # a copy
    if array.dim() not in (1, 2) or array.shape[-1] != size:
        raise UserError(
            f"got observations of shape {tuple(array.shape)}, but {name} observes ({size},), or (worlds, {size})"
        )
    return (array[None], True) if array.dim() == 1 else (array, False)
