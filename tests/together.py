"""Two processes that train together, compared with a single process that has all the tasks.

    python -m tests.together 10                  # iterations of every shipped config, made small
    python -m tests.together 10 maml_point gru_point

Prints the distance between the final parameters, relative to their norm; for comparison the distance that a change of
the initial parameters by their rounding error makes in a single process; and how far training moved the parameters.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from agents.learner import Params
from metarl.config import files as settings
from metarl.config.experiment import Config
from metarl.distributed.process_group import SINGLE_PROCESS, Ranks, process_group
from metarl.training.make import make_trainer
from tests.conftest import smaller

TASKS = {"train.num_tasks": 5, "train.episodes": 3}  # shards of two and three tasks
ROUNDING = 2.0**-24  # of a float32, relative
STATISTICS = (".count", ".mean", ".var")  # running statistics, which are not learned
ROOT = Path(__file__).resolve().parents[1]


def config_of(name: str) -> Config:
    return settings.load(settings.find(name), smaller(name) | TASKS)


def trained(name: str, iterations: int, ranks: Ranks = SINGLE_PROCESS, nudge: float = 0.0) -> tuple[Params, Params]:
    """Parameters before and after so many iterations; `nudge` is a relative change of the first."""
    trainer = make_trainer(config_of(name), ranks=ranks)
    generator = torch.Generator().manual_seed(0)
    start = {k: v * (1 + nudge * torch.randn(v.shape, generator=generator)) for k, v in trainer.theta.items()}
    trainer.outer.assign(start)
    for _ in range(iterations):
        trainer.iterate()
    trainer.synchronize()
    return start, {k: v.clone() for k, v in trainer.theta.items()}


def together(names: list[str], iterations: int, folder: Path, processes: int = 2) -> None:
    """Train each config by several processes; final parameters go to `<folder>/<name>.safetensors`."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    words = [*command, "-m", "tests.together", "--share", str(folder), str(iterations), *names]
    done = subprocess.run(words, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-20000:]


def distance(a: Params, b: Params) -> float:
    """|a - b| / |b| over all learned parameters."""
    learned = [k for k in b if not k.endswith(STATISTICS)]
    apart = torch.cat([(a[k] - b[k]).flatten().double() for k in learned])
    return (apart.norm() / torch.cat([b[k].flatten().double() for k in learned]).norm()).item()


def main() -> None:
    if sys.argv[1] == "--share":
        with process_group() as ranks:
            for name in sys.argv[4:]:
                theta = trained(name, int(sys.argv[3]), ranks)[1]
                if ranks.is_first:
                    save_file({k: v.contiguous() for k, v in theta.items()}, Path(sys.argv[2]) / f"{name}.safetensors")
        return
    iterations, names = int(sys.argv[1]), sys.argv[2:] or settings.names()
    with tempfile.TemporaryDirectory() as folder:
        together(names, iterations, Path(folder))
        for name in names:
            start, alone = trained(name, iterations)
            apart = distance(load_file(Path(folder) / f"{name}.safetensors"), alone)
            nudged = distance(trained(name, iterations, nudge=ROUNDING)[1], alone)
            print(f"{name}: {apart:.1e} apart, {nudged:.1e} nudged, {distance(start, alone):.1e} moved", flush=True)


if __name__ == "__main__":
    main()
