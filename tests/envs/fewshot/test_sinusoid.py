"""Regression of sine waves."""

from __future__ import annotations

import math

import pytest
import torch

from envs.core import Tasks
from envs.fewshot.sinusoid import Sinusoid


@pytest.mark.parametrize(("variant", "sign"), [("maml", -1), ("reptile", 1)])
def test_a_wave_is_its_amplitude_and_phase(variant: str, sign: int) -> None:
    """y = A sin(x - phi) for MAML and A sin(x + phi) for Reptile, on points of [-5, 5]."""
    family = Sinusoid(4, 6, variant)  # type: ignore[arg-type]
    tasks = Tasks(family.names, torch.tensor([[2.0, 0.5, 0.25]], dtype=torch.float64))
    support, query = family.examples(tasks)
    assert support.x.shape == (1, 4, 1)
    assert query.y.shape == (1, 6, 1)
    for part in (support, query):
        assert torch.allclose(part.y, 2 * torch.sin(part.x + sign * 0.5), atol=1e-6)
        assert part.x.abs().max() <= 5


def test_phases_and_amplitudes_are_the_published_ranges(generator: torch.Generator) -> None:
    maml, reptile = (Sinusoid(variant=v).sample(5000, "train", generator) for v in ("maml", "reptile"))  # type: ignore[arg-type]
    assert 0.1 <= maml.column("amplitude").min() < 0.12
    assert 4.98 < maml.column("amplitude").max() <= 5
    assert math.pi - 0.01 < maml.column("phase").max() <= math.pi
    assert 2 * math.pi - 0.01 < reptile.column("phase").max() <= 2 * math.pi


def test_points_fill_the_interval_and_differ_between_tasks(generator: torch.Generator) -> None:
    family = Sinusoid(10, 90)
    support, query = family.examples(family.sample(200, "test", generator))
    x = torch.cat([support.x, query.x], 1).flatten()
    assert x.mean().abs() < 0.1
    assert x.var().item() == pytest.approx(100 / 12, rel=0.05)
    assert len(set(support.x[:, 0, 0].tolist())) == 200
