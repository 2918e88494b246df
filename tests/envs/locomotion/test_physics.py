"""Variables with a value for each element."""

from __future__ import annotations

import pytest

from envs.core import Variable
from envs.locomotion.family import Locomotion
from tests.envs.locomotion.policies import BOTH


def test_a_number_that_is_given_twice_is_refused() -> None:
    each = Variable("mass", ((0.5, 2.0),), per_element=True)
    with pytest.raises(ValueError, match="mass:torso is given twice"):
        Locomotion("half_cheetah", (BOTH, each, Variable("mass:torso", ((3.0, 4.0),))))


def test_only_elements_on_which_a_factor_has_an_effect_vary() -> None:
    """No payload, no steps of stairs, no undamped joints of the root."""
    variables = [Variable(name, ((0.5, 2.0),), per_element=True) for name in ("mass", "friction", "damping")]
    ground = [Variable(name, ((0.0, 1.0),)) for name in ("stairs_up", "payload")]
    family = Locomotion("half_cheetah", (BOTH, *variables, *ground))
    assert {n.partition(":")[2] for n in family.names if n.startswith("mass:")} == {
        *("torso", "bthigh", "bshin", "bfoot", "fthigh", "fshin", "ffoot")
    }
    assert {n.partition(":")[0] for n in family.names if "terrain" in n or "payload" in n} == {"payload"}
    assert "damping:bthigh" in family.names
    assert "damping:rootx" not in family.names
