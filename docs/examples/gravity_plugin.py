"""A variation: the strength of gravity. As envs/variations/gravity.py, or as a plugin."""

from envs.variations.variation import Variation


def scale_gravity(params, task, robot):
    """Multiply the gravity of each world, [W, 3], by the number of its task, [W]."""
    params["opt.gravity"] = params["opt.gravity"] * task["gravity"][:, None]


VARIATIONS = Variation(
    "gravity", "dynamics", "", 0.1, 10, "strength of gravity, times the stock value", apply=scale_gravity
)
