"""Least recently used access against a loop in numpy."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch

from agents.memory import LRUA


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("address", ["old", "new"])
def test_least_recently_used_access_over_three_writes(address: Literal["old", "new"]) -> None:
    """Weights, usage and memory of every step against a loop in numpy (Santoro et al. 2016, eq. 2 to 8)."""
    core = LRUA(3, 5, 6, 2, 2, decay=0.9, address=address)
    theta = {k: v.double() for k, v in core.init(generator()).items()}
    x = torch.randn(3, 3, dtype=torch.float64, generator=generator())
    state = {k: v.double() for k, v in core.initial_state(theta).items()}
    memory, read, usage = np.full((6, 2), 1e-6), np.eye(6)[[0, 0]], np.eye(6)[0]
    for item in x:
        before = state
        state, _ = core.step(theta, state, core.project_input(theta, item))
        emitted = state["h"].numpy() @ theta["heads.weight"].numpy().T
        key, gate = np.tanh(emitted.reshape(2, 3)[:, :2]), 1 / (1 + np.exp(-emitted.reshape(2, 3)[:, 2:]))
        free = np.zeros(6)
        free[torch.from_numpy(usage).topk(2, largest=False).indices.numpy()] = 1
        written = gate * read + (1 - gate) * free
        old, memory = memory, memory * (1 - free[:, None]) + written.T @ key
        looked_up = old if address == "old" else memory
        cosine = key @ looked_up.T / (np.linalg.norm(key, axis=1)[:, None] * np.linalg.norm(looked_up, axis=1) + 1e-8)
        read = np.exp(cosine) / np.exp(cosine).sum(1, keepdims=True)
        usage = 0.9 * usage + read.sum(0) + written.sum(0)
        assert state["memory"].numpy() == pytest.approx(memory, abs=1e-9)
        assert state["read_weights"].numpy() == pytest.approx(read, abs=1e-9)
        assert state["usage"].numpy() == pytest.approx(usage, abs=1e-9)
        assert before["usage"].shape == (6,)
