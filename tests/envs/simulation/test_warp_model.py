"""Models that MuJoCo Warp does not support."""

from __future__ import annotations

import pytest

from envs.locomotion.family import Locomotion
from tests.envs.simulation.test_warp import FORWARD


def test_a_solver_that_it_does_not_have_is_said() -> None:
    with pytest.raises(ValueError, match=r"MuJoCo Warp does not support this model \(.*PGS.*\): use physics fast"):
        Locomotion("humanoid", (FORWARD,), physics="gymnasium", simulator="gpu", device="cpu")
