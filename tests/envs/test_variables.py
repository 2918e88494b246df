"""Splits, ranges and the JSON form of tasks."""

from __future__ import annotations

import json
import math

import pytest
import torch

from envs.core import Tasks, Variable
from envs.variables import VariableSampler, parity_index

DIRECTION = Variable("direction", ((-1.0, -1.0), (1.0, 1.0)))


SLOPE = Variable("slope_deg", ((-8.0, 8.0),), ((-14.0, -8.0), (8.0, 14.0)))


FAMILY = VariableSampler((DIRECTION, SLOPE, Variable("friction", ((1.0, 1.0),))))


def draw(split: str, n: int = 20_000, seed: int = 0) -> Tasks:
    return FAMILY.sample(n, split, torch.Generator().manual_seed(seed))


def test_values_lie_in_their_split() -> None:
    assert draw("train").column("slope_deg").abs().max() <= 8
    ood = draw("ood").column("slope_deg")
    assert ood.abs().min() >= 8
    assert ood.abs().max() <= 14
    assert 0.45 < (ood > 0).double().mean() < 0.55
    assert set(draw("ood").column("direction").tolist()) == {-1.0, 1.0}
    assert set(draw("train").column("friction").tolist()) == {1.0}


def test_no_task_is_shared_between_splits() -> None:
    """Disjoint by construction: even numerators for train, odd for test; 200,000 draws each, from the same seed."""
    train, test, ood = (set(draw(s, 200_000).column("slope_deg").tolist()) for s in ("train", "test", "ood"))
    assert not train & test
    assert not train & ood


def test_tasks_survive_json() -> None:
    tasks = draw("test", 5)
    back = Tasks.from_json(json.loads(json.dumps(tasks.to_json())))
    assert back.names == tasks.names
    assert torch.equal(back.values, tasks.values)


def test_descriptor_holds_what_varies_scaled_by_the_training_range() -> None:
    tasks = Tasks.from_json([{"direction": -1.0, "slope_deg": 12.0, "friction": 1.0}])
    assert FAMILY.descriptor(tasks).tolist() == [[-1.0, 1.5]]


@pytest.mark.parametrize(
    ("task", "word"),
    [
        ({"direction": 0.5, "slope_deg": 1.0, "friction": 1.0}, "direction=0.5 lies outside"),
        ({"direction": 1.0, "slope_deg": 40.0, "friction": 1.0}, "slope_deg=40 lies outside"),
        (
            {"direction": 1.0, "slope_deg": 1.0},
            "needs the parameter friction: expected direction",
        ),
    ],
)
def test_a_task_outside_the_family_is_named(task: dict[str, float], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        FAMILY.check(Tasks.from_json([task]))


def test_a_family_without_ood_ranges_has_no_ood_split(generator: torch.Generator) -> None:
    with pytest.raises(ValueError, match="no ood split"):
        VariableSampler((DIRECTION,)).sample(2, "ood", generator)


def test_tasks_of_a_family_without_variables_are_empty(generator: torch.Generator) -> None:
    tasks = VariableSampler(()).sample(3, "train", generator)
    assert (tasks.names, tasks.values.shape) == ((), (3, 0))


def test_spacing_log_is_uniform_in_the_logarithm(generator: torch.Generator) -> None:
    """1.5^U(-3, 3): the logarithm's mean is 0 and its variance (6 ln 1.5)^2 / 12."""
    width = 6 * math.log(1.5)
    varied = VariableSampler((Variable("mass", ((1.5**-3, 1.5**3),), spacing="log"),))
    logs = varied.sample(200_000, "train", generator).column("mass").log()
    assert logs.mean().abs() < 0.01
    assert logs.var().item() == pytest.approx(width**2 / 12, rel=0.01)


def test_spacing_area_is_uniform_over_the_disc(generator: torch.Generator) -> None:
    """3 sqrt(U): a quarter of the draws lie within half the radius."""
    varied = VariableSampler((Variable("goal_distance", ((0.0, 3.0),), ((3.0, 5.0),), spacing="area"),))
    inside = varied.sample(200_000, "train", generator).column("goal_distance") < 1.5
    assert inside.double().mean().item() == pytest.approx(0.25, abs=0.005)
    assert varied.sample(1000, "ood", generator).column("goal_distance").min() >= 3.0


def test_training_and_testing_share_no_layout(generator: torch.Generator) -> None:
    varied = VariableSampler((Variable("layout", ((0.0, 1.0),)),))
    train, test = (varied.sample(500, s, generator).column("layout") for s in ("train", "test"))
    assert set(parity_index(train, 8).tolist()) == {0, 2, 4, 6}
    assert set(parity_index(test, 8).tolist()) == {1, 3, 5, 7}
