"""What is understood of models, on MuJoCo Warp as on MuJoCo."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
import torch

from envs.core import Variable
from envs.locomotion.family import Locomotion
from tests.envs.anatomy.dogs import FORWARDS, dog, robot_of
from tests.envs.anatomy.test_actuators import KINDS, TENDONS
from tests.envs.anatomy.test_contacts import BY_PAIRS

pytestmark = pytest.mark.slow  # every model compiles kernels
LIMITED = TENDONS.replace("<fixed ", '<fixed actuatorfrcrange="-2 2" ')
DELAYED = '<motor joint="hip_fl" ctrlrange="-1 1" delay=".01" nsample="4"/><motor joint="hip_fr" ctrlrange="-1 1"/>'
CASES = {
    "limits of joints": (dog(joint='actuatorfrcrange="-3 3"'), "motor:to_fl", 0.5),
    "limits of tendons": (dog(actuators=KINDS["tendons"], extra=f"<tendon>{LIMITED}</tendon>"), "motor", 0.5),
    "friction of pairs": (BY_PAIRS, "friction", 0.5),
    "terrain by pairs": (BY_PAIRS, "stairs_up", 0.5),
    "muscles": (dog(actuators=KINDS["muscles"]), "motor", 0.5),
    "adhesion": (dog(actuators=KINDS["adhesion"]), "motor", 0.5),
    "own delays": (dog(actuators=DELAYED), "delay", 0.02),
}


@pytest.mark.parametrize("case", CASES)
def test_ten_steps_equal_mujocos(tmp_path: Path, case: str) -> None:
    text, name, value = CASES[case]
    robot = robot_of(tmp_path, text)
    places: tuple[Literal["cpu", "gpu"], ...] = ("cpu", "gpu")
    seen = [
        observed(Locomotion(robot, variables, simulator=s, device="cpu", num_threads=1, action_scale=1.0))
        for variables in [(FORWARDS, Variable(name, ((value, value),)))]
        for s in places
    ]
    assert seen[1].numpy() == pytest.approx(seen[0].numpy(), abs=2e-4)


def observed(family: Locomotion) -> torch.Tensor:
    """What one world observes after ten steps, [O]."""
    rng = torch.Generator().manual_seed(0)
    worlds = family.worlds(family.sample(1, "train", rng), 1)
    worlds.reset(rng)
    for _ in range(10):
        obs, *_ = worlds.step(torch.full((1, 1, family.space.act), 0.3))
    return obs[0, 0].double()
