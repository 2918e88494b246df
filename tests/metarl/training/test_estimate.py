"""Memory is estimated before it is taken, and the estimate is near what is taken."""

from __future__ import annotations

import subprocess
import sys
from typing import NamedTuple

import pytest

from metarl.config import files
from metarl.errors import UserError
from metarl.training import estimate
from metarl.training.trainer import Trainer


class Space(NamedTuple):
    obs: int = 20
    act: int = 6


MEASURED = """
import resource, sys
from metarl.config import files
from metarl.training.estimate import estimate
from metarl.training.trainer import Trainer
def make(tasks, episodes):
    changes = {"train.num_threads": 1, "train.num_tasks": tasks, "train.episodes": episodes, "outer.num_epochs": 1}
    return Trainer(files.load(files.find(sys.argv[1]), {**changes, "outer.minibatches": 1}))
make(2, 1).iterate()
trainer = make(int(sys.argv[2]), 20)
before = int(open("/proc/self/statm").read().split()[1]) * 4096
trainer.iterate()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
print(peak / estimate(trainer.config, trainer.family.space, trainer.family.horizon).total)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize(("name", "tasks"), [("gru_point", 10), ("maml_point", 40)])
def test_the_peak_is_near_the_estimate(name: str, tasks: int) -> None:
    words = [sys.executable, "-c", MEASURED, name, str(tasks)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=True)
    assert 1 / 4 < float(done.stdout.split()[-1]) < 4


@pytest.mark.parametrize("name", files.names())
def test_no_shipped_config_is_refused_with_four_gib(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "available", lambda device="cpu": 4 * 2.0**30)
    config = files.load(files.find(name))
    estimate.check_memory(config, Space(60, 20), getattr(config.tasks, "horizon", 200) or 200)


@pytest.mark.parametrize(
    ("changes", "setting"),
    [
        ({"train.num_tasks": 1_000_000, "train.episodes": 1000}, "train.num_tasks or train.episodes"),
        ({"train.num_tasks": 1_000_000, "train.episodes": 1_000_000}, "train.num_tasks or train.episodes"),
        ({"policy.hidden": [1_000_000, 1_000_000]}, "policy.hidden"),
    ],
)
def test_what_cannot_fit_is_refused_before_it_is_made(changes: dict[str, object], setting: str) -> None:
    config = files.load(files.find("maml_point"), changes)
    with pytest.raises(UserError, match=rf"an iteration needs about .* GiB.* free on cpu: lower {setting}"):
        Trainer(config)


def test_an_evaluation_on_a_billion_tasks_is_refused() -> None:
    with pytest.raises(UserError, match=r"1,000,000,000 tasks need about .* GiB.*: give fewer --tasks"):
        estimate.check_tasks(10**9, 4, 100, Space())
