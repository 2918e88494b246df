"""What differs between tasks: goals (the reward), terrain and dynamics (the physics)."""

from collections.abc import Callable

from torch import Tensor

from envs.simulation import Simulator
from envs.variations.dynamics import friction
from envs.variations.goals import GOALS, Goal
from envs.variations.terrain import slope_deg

PHYSICAL: dict[str, Callable[[Simulator, Tensor], None]] = {"slope_deg": slope_deg, "friction": friction}

__all__ = ["GOALS", "PHYSICAL", "Goal", "friction", "slope_deg"]
