"""Five small iterations of every shipped config give the metrics and the parameters that they always gave, to the bit.

`digests.json` holds what one commit computed on one machine type; both are named in it. Elsewhere kernels sum in
another order, and the test is skipped. Where a change is meant to change a result, say so in the changelog and store
new digests:

    python -m tests.test_unchanged
"""

from __future__ import annotations

import hashlib
import json
import platform
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest
import torch

from agents.learner import Params
from metarl.config import files as settings
from metarl.training.make import make_trainer

STORED = Path(__file__).with_name("digests.json")
TIMES = ("seconds", "steps_per_second", "share_")


def machine() -> str:
    """What decides on the order of sums."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    cpu = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "")
    versions = f"torch {torch.__version__}, mujoco {mujoco.__version__}, numpy {np.__version__}"
    return f"{platform.machine()}, {cpu}, {torch.backends.cpu.get_cpu_capability()}, {versions}"


def digest(params: Params) -> str:
    """SHA-256 of names, types, shapes and numbers."""
    total = hashlib.sha256()
    for name in sorted(params):
        tensor = params[name].detach().cpu().contiguous()
        for part in (name, str(tensor.dtype), str(tuple(tensor.shape))):
            total.update(part.encode())
        total.update(tensor.numpy().tobytes())
    return total.hexdigest()


def five_iterations(name: str, overrides: dict[str, Any]) -> dict[str, Any]:
    """Metrics without times, and digests of theta and of the optimiser's state."""
    trainer = make_trainer(settings.load(settings.find(name), overrides))
    logged = [trainer.iterate() for _ in range(5)]
    metrics = [{k: v for k, v in row.items() if not k.startswith(TIMES)} for row in logged]
    return {"theta": digest(trainer.theta), "metrics": metrics, "outer": digest(trainer.outer.state())}


STORE = json.loads(STORED.read_text())


@pytest.mark.skipif(STORE["machine"] != machine(), reason="the digests are of another machine type")
@pytest.mark.parametrize("name", STORE["configs"])
def test_five_iterations_are_what_they_always_were(name: str) -> None:
    stored = dict(STORE["configs"][name])
    assert five_iterations(name, stored.pop("overrides")) == stored


def test_every_shipped_config_has_a_digest() -> None:
    assert set(STORE["configs"]) == set(settings.names())


if __name__ == "__main__":
    torch.set_num_threads(1)
    for config, row in STORE["configs"].items():
        row |= five_iterations(config, row["overrides"])
    STORED.write_text(json.dumps(STORE | {"machine": machine()}, indent=1) + "\n")
