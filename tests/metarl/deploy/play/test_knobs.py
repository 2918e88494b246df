"""Numbers that may be turned, with their ranges."""

from __future__ import annotations

import pytest

from envs.core import Variable
from envs.variables import VariableSampler
from metarl.deploy.play.knobs import beyond_training, knobs_of, rounded

FAMILY = VariableSampler(
    (
        Variable("slope_deg", ((-8.0, 8.0),), ood=((-14.0, -8.5), (8.5, 14.0))),
        Variable("direction", ((1.0, 1.0), (-1.0, -1.0))),
        Variable("mass:torso", ((0.5, 1.5),)),
        Variable("velocity", ((1.0, 1.0),)),
        Variable("event_s", ((1.0, 2.0),)),
    )
)


def test_constants_and_the_time_of_an_event_are_not_turned() -> None:
    slope, direction, mass = knobs_of(FAMILY)  # type: ignore[arg-type]  # samples tasks, and has no worlds
    assert (slope.label, direction.label, mass.label) == ("slope, deg", "direction", "mass of torso")
    assert slope.hint.endswith("trained on -8 to 8; ood -14 to -8.5, 8.5 to 14")
    assert (slope.low, slope.high, slope.choices) == (-14.0, 14.0, ())
    assert direction.choices == (-1.0, 1.0)
    assert direction.words(-1.0) == "backwards"


@pytest.mark.parametrize(("given", "nearest"), [(3.0, 3.0), (8.2, 8.0), (8.4, 8.5), (99.0, 14.0), (-99.0, -14.0)])
def test_a_value_between_ranges_moves_to_the_nearer_one(given: float, nearest: float) -> None:
    assert knobs_of(FAMILY)[0].nearest(given) == nearest  # type: ignore[arg-type]  # as above


def test_what_training_has_not_seen_is_named() -> None:
    knobs = knobs_of(FAMILY)  # type: ignore[arg-type]  # as above
    task = {"slope_deg": 10.123456, "direction": 1.0, "mass:torso": 1.0, "velocity": 1.0, "event_s": 1.23456}
    assert beyond_training(knobs, task) == ("slope 10.1 degrees",)
    assert rounded(knobs, task) == task | {"slope_deg": 10.1}
