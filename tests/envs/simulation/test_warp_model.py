"""Models that MuJoCo Warp does not support."""

from __future__ import annotations

import pytest

from envs.locomotion.family import Locomotion
from tests.envs.simulation.test_warp import FORWARD


def test_a_model_with_an_unsupported_solver_is_refused() -> None:
    with pytest.raises(ValueError, match=r"MuJoCo Warp does not support this model \(.*PGS.*\): use physics fast"):
        Locomotion("humanoid", (FORWARD,), physics="gymnasium", simulator="gpu", device="cpu")
