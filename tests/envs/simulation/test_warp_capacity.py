"""The capacity for contacts and constraints."""

from __future__ import annotations

import logging

import pytest
import torch

from tests.envs.simulation.warp_worlds import cheetahs, drive


def test_contacts_beyond_the_capacity_are_logged_and_the_capacity_is_doubled(caplog: pytest.LogCaptureFixture) -> None:
    sim = cheetahs(4, contacts=1, constraints=4)
    with caplog.at_level(logging.WARNING):
        for _ in range(6):
            sim.reset()
            drive(sim, 20)
        assert "did not fit" in caplog.text
        caplog.clear()
        sim.reset()
        assert not caplog.text
    roomy = cheetahs(4)
    roomy.reset()
    assert torch.equal(drive(sim, 20), drive(roomy, 20))
