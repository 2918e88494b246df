"""The neural Turing machine against numpy and numbers derived by hand."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch

from agents.memory import NTM
from agents.memory.ntm import address_memory


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_a_head_finds_its_place_by_content_then_gate_then_shift_then_sharpness() -> None:
    """The whole chain in numpy (Graves et al. 2014, eq. 5 to 9)."""
    rng = np.random.default_rng(0)
    memory, before, emitted = rng.normal(size=(4, 3)), np.array([0.1, 0.2, 0.3, 0.4]), rng.normal(size=9)
    key, rest = np.tanh(emitted[:3]), emitted[3:]
    softplus = np.log1p(np.exp(rest))
    cosine = memory @ key / np.linalg.norm(memory, axis=1) / np.linalg.norm(key)
    content = np.exp(softplus[0] * cosine)
    gate = 1 / (1 + np.exp(-rest[1]))
    w = gate * content / content.sum() + (1 - gate) * before
    s = np.exp(rest[3:]) / np.exp(rest[3:]).sum()
    w = np.array([sum(s[d + 1] * w[(i - d) % 4] for d in (-1, 0, 1)) for i in range(4)])
    w = w ** (1 + softplus[2])
    found = address_memory(*(torch.from_numpy(a) for a in (emitted[None], before[None], memory)))
    assert found[0].numpy() == pytest.approx(w / w.sum(), abs=1e-6)


@pytest.mark.parametrize("controller", ["lstm", "feedforward"])
def test_the_turing_machine_reads_what_it_wrote(controller: Literal["lstm", "feedforward"]) -> None:
    """With heads that emit constants the step is worked out from its parts."""
    core = NTM(2, 3, 4, 2, controller=controller)
    theta = core.init(generator())
    theta["heads.weight"] = torch.zeros_like(theta["heads.weight"])
    erase, add, stay = torch.tensor([20.0, -20.0]), torch.tensor([20.0, -20.0]), torch.tensor([-30.0, 30.0, -30.0])
    to_content = torch.tensor([0.0, 0.0, 0.0, -30.0, 0.0])  # key, strength, gate (by location), sharpness
    theta["heads.bias"] = torch.cat([to_content, stay, to_content, stay, erase, add])
    memory, features = core.step(theta, core.initial_state(theta), core.project_input(theta, torch.ones(2)))
    assert memory["write_weights"][0].tolist() == pytest.approx([1, 0, 0, 0], abs=1e-5)
    assert memory["memory"][0].tolist() == pytest.approx([1, -1], abs=1e-5)
    assert features[3:].tolist() == pytest.approx([1, -1], abs=1e-4)


def test_a_feedforward_controller_knows_only_its_input_and_what_was_read() -> None:
    """h = tanh(U x + V r + b); with another memory but the same reading it says the same."""
    core = NTM(2, 3, 4, 2, controller="feedforward")
    theta = core.init(generator())
    memory = core.initial_state(theta) | {"read": torch.tensor([0.5, -1.0])}
    x = torch.tensor([1.0, 2.0])
    u, v, b = (theta[f"controller.{k}"] for k in ("input", "recurrent", "bias"))
    features = core.step(theta, memory, core.project_input(theta, x))[1]
    torch.testing.assert_close(features[:3], (u @ x + v @ torch.tensor([0.5, -1.0]) + b).tanh())
    assert not {"h", "c"} & set(memory)
