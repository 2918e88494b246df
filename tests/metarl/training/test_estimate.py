"""Memory is estimated before it is taken, and the estimate is near what is taken."""

from __future__ import annotations

import subprocess
import sys
from typing import NamedTuple

import pytest
import torch

from envs.core import Variable
from metarl.config import files
from metarl.errors import UserError
from metarl.training import activations, estimate
from metarl.training.trainer import Trainer


class Space(NamedTuple):
    obs: int = 20
    act: int = 6


MEASURED = """
import sys
from envs.core import Variable
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
status = open("/proc/self/status").read()  # its own peak; that of getrusage is also of the process that forked it
peak = int(status.split("VmHWM:")[1].split()[0]) * 1024 - before
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


GIB = 2.0**30
NETWORKS = [
    ("mann_omniglot", {"learner.hidden": 300_000}),
    ("prototypical_omniglot", {"learner.embedding.channels": 100_000}),
    ("lstm_omniglot", {"learner.hidden": 1_000_000}),
    ("maml_sinusoid", {"policy.hidden": [1_000_000, 1_000_000]}),
]
GLYPHS = {"tasks.data": "glyphs", "train.num_threads": 1}


@pytest.mark.parametrize(("name", "changes"), NETWORKS)
def test_layers_of_a_learner_that_do_not_fit_are_refused_before_they_are_made(
    name: str, changes: dict[str, object]
) -> None:
    try:
        config = files.load(files.find(name), changes | (GLYPHS if "omniglot" in name else {}))
    except UserError:
        return  # refused earlier still
    with pytest.raises(UserError, match=r"(the network|an iteration) needs .* GiB .*GiB of memory are free on cpu: "):
        Trainer(config)


@pytest.mark.parametrize(("name", "tasks"), [("prototypical_omniglot", 10_000), ("siamese_omniglot", 10_000)])
def test_tasks_that_are_differentiated_together_and_do_not_fit_are_refused(
    name: str, tasks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activations, "available", lambda device="cpu": 16 * GIB)
    config = files.load(files.find(name), GLYPHS | {"train.num_tasks": tasks})
    with pytest.raises(UserError, match=r"10,000 tasks that are .* need more than .* GiB, but 16.0 GiB.*: lower train"):
        Trainer(config)


def test_what_is_computed_for_a_loss_is_counted_without_views() -> None:
    """Of (w x)^2 with x of 1000 numbers: a product and a square; the loss is a view of their sum, which has one."""

    class Square:
        def loss(self, theta: dict[str, torch.Tensor], task: torch.Tensor) -> torch.Tensor:
            return (theta["w"] * task).square().sum().view(1)[0]

    counted = activations.count_loss(Square(), {"w": torch.ones(1000)}, torch.ones(1000))  # type: ignore[arg-type]
    assert counted == 4 * (1000 + 1000 + 1)


def test_worlds_count_by_the_size_of_their_robot() -> None:
    """Two million worlds of one step: their states fill more than what is learned from."""
    small = {"train.num_tasks": 1_000_000, "train.episodes": 2, "tasks.horizon": 1}
    config, horizon = files.load(files.find("maml_cheetah_velocity"), small), 1
    without, heavy = (estimate.estimate(config, Space(), horizon, world=world).total for world in (0.0, 7000.0))
    assert heavy - without == pytest.approx(2e6 * 7000)
    from envs.locomotion.family import Locomotion

    variables = (Variable("velocity", ((0.0, 2.0),)),)
    sizes = [Locomotion(robot, variables, num_threads=1).world_bytes for robot in ("half_cheetah", "humanoid")]
    assert 1000 < sizes[0] < sizes[1] < 16_000
