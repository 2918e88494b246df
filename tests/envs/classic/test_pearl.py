"""The task sets of PEARL and VariBAD."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from envs.locomotion.family import Locomotion
from envs.named import build_family


def test_one_radian_is_57_degrees_and_two_way_is_forwards_and_backwards() -> None:
    for name, ends in (("varibad-ant-dir-one-radian", (-57.29578, 57.29578)), ("pearl-ant-dir-two-way", (0.0, 180.0))):
        tasks = build_family(name).sample(50, "train", torch.Generator().manual_seed(0))
        assert sorted(set(tasks.column("heading_deg").tolist())) == pytest.approx(ends)


@pytest.mark.parametrize("name", ["pearl-walker-rand-params", "pearl-hopper-rand-params"])
def test_random_parameters_are_log_uniform_and_independent_for_each_element(name: str) -> None:
    """ln(base^U(-3, 3)) has standard deviation 3 ln(base) / sqrt(3); every number of the model has its own factor."""
    family = build_family(name, num_threads=1)
    tasks = family.sample(4000, "train", torch.Generator().manual_seed(0))
    logs = tasks.values[:, 1:].log().numpy()
    base = np.log([1.3 if n.startswith("damping") else 1.5 for n in tasks.names[1:]])
    assert np.abs(logs).max(0) == pytest.approx(3 * base, rel=0.01)
    assert logs.std(0) == pytest.approx(3 * base / 3**0.5, rel=0.05)
    assert np.abs(np.corrcoef(logs.T) - np.eye(logs.shape[1])).max() < 0.08
    assert isinstance(family, Locomotion)
    model, _ = family.worlds(tasks.chosen(slice(1)), 1).sim.mujoco_view(0)
    sampled = np.split(tasks.values[0, 1:].numpy(), np.cumsum([model.nbody - 1, 3 * (model.nbody - 1), model.nu]))
    assert tasks.names[-3 * model.ngeom] == "frictions:floor:slide"
    for field, factors in zip(("body_mass", "body_inertia", "dof_damping", "geom_friction"), sampled, strict=True):
        stock = getattr(family.model, field)[
            1 if field.startswith("body") else 3 if field.startswith("dof") else 0 :
        ].ravel()
        assert getattr(model, field).ravel()[-len(stock) :] == pytest.approx(stock * factors)
