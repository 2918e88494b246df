"""The names of what a legged robot observes are those of what moves."""

from __future__ import annotations

import pytest
import torch

from envs.legged.defaults import NOISE
from envs.legged.family import Legged
from envs.legged.scan import POINTS


@pytest.mark.parametrize("scan", ["none", "policy"])
def test_a_signal_moves_with_what_it_names(scan: str) -> None:
    """Every angle and every speed is changed by 0.01 in turn; behind the heights are the command and the actions."""
    family = Legged("quadruped", noise=dict.fromkeys(NOISE, 0.0), height_scan=scan)  # type: ignore[arg-type]
    signals = [s.name for s in family.signals()]
    assert len(signals) == family.space.obs == len(set(signals))
    assert ("ground 0.2 m ahead, 0 m aside" in signals) == (scan == "policy")
    worlds = family.worlds(family.sample(1, "train", torch.Generator()), 1)

    def observed() -> torch.Tensor:
        worlds.state, _ = worlds.measure.moved(worlds.carried)  # type: ignore[attr-defined]  # of a legged family
        sensors = worlds.sensors  # type: ignore[attr-defined]
        return sensors.observe(worlds.state, worlds._heights(), torch.Generator())[0].clone()  # type: ignore[attr-defined]

    worlds.reset(torch.Generator().manual_seed(0))
    still = observed()
    for field, first, word in (("qpos", 7, "angle"), ("qvel", 6, "velocity")):
        for j in range(12):
            getattr(worlds.sim, field)[0, first + j] += 0.01
            moved = observed() - still
            getattr(worlds.sim, field)[0, first + j] -= 0.01
            index = signals.index(f"{family.model.actuator(j).name} {word}")
            assert moved[index] == pytest.approx(0.01 * family.signals()[index].scale, rel=1e-4)
    commands = [i for i, name in enumerate(signals) if name.startswith("command")]
    assert commands == [30 + POINTS * (scan == "policy") + i for i in range(3)]
