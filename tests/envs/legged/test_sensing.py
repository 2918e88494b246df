"""Observations: scales, noise, latency."""

from __future__ import annotations

import pytest
import torch

from envs.legged.defaults import NOISE
from envs.legged.sensing import Sensors
from tests.envs.legged.states import state

ALL = torch.ones(2, dtype=torch.bool)
SILENT = dict.fromkeys(NOISE, 0.0)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_the_observation_is_measured_then_commanded_then_acted() -> None:
    now = state(
        ang_vel=[[4.0, 0, 0]] * 2,
        gravity=[[0, 0, -1.0]] * 2,
        joint_pos=[[1, 2, 3]] * 2,
        joint_vel=[[20, 0, 0]] * 2,
        command=[[1, 1, 4.0]] * 2,
        act=[[0.1, 0.2, float("nan")]] * 2,
    )
    obs = Sensors(SILENT, 0, scans=False).restart(now, None, generator(), ALL)
    assert obs[0].tolist() == pytest.approx([1, 0, 0, 0, 0, -1, 1, 2, 3, 1, 0, 0, 2, 2, 1, 0.1, 0.2, 0])


def test_noise_is_within_its_bounds_and_of_each_channel() -> None:
    sensors = Sensors(SILENT | {"joint_pos": 0.5}, 0, scans=False)
    rng = generator()
    sensors.restart(state(), None, rng, ALL)
    seen = torch.stack([sensors.observe(state(), None, rng) for _ in range(500)])
    noisy = seen[..., 6:9]
    assert 0.49 < noisy.abs().max() <= 0.5
    assert noisy.mean().abs() < 0.02
    assert not seen[..., :6].any()
    assert not seen[..., 9:].any()


def test_measurements_are_late_and_commands_are_not() -> None:
    sensors = Sensors(SILENT, 2, scans=False)

    def at(t: float) -> torch.Tensor:
        now = state(joint_pos=[[t, t, t]] * 2, command=[[t, 0, 0]] * 2)
        return sensors.observe(now, None, generator())

    first = state(joint_pos=[[7.0, 7, 7]] * 2)
    assert sensors.restart(first, None, generator(), ALL)[0, 6] == 7
    seen = [at(t) for t in (1.0, 2.0, 3.0)]
    assert [obs[0, 6].item() for obs in seen] == [7, 7, 1]
    assert [obs[0, 12].item() for obs in seen] == [2, 4, 6]  # twice the command


def test_a_world_that_starts_anew_forgets_its_past_and_others_do_not() -> None:
    sensors = Sensors(SILENT, 1, scans=False)
    sensors.restart(state(), None, generator(), ALL)
    sensors.observe(state(joint_pos=[[1.0, 0, 0]] * 2), None, generator())
    obs = sensors.restart(state(joint_pos=[[5.0, 0, 0]] * 2), None, generator(), torch.tensor([True, False]))
    assert obs[:, 6].tolist() == [5, 0]
