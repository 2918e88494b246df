"""A curriculum: levels by hand, tasks at their level, resume to the bit, two processes as one."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from envs.core import Tasks, Variable
from envs.legged.family import Legged
from metarl.config import files as settings
from metarl.errors import UserError
from metarl.runs import checkpoint
from metarl.training.curriculum import STEP, Curriculum
from metarl.training.trainer import Trainer

GROUND = Variable("ground", tuple((float(i), float(i)) for i in range(4)))
VARIABLES = (GROUND, Variable("difficulty", ((0.2, 0.6),), ((0.6, 1.0),)), Variable("payload", ((0.0, 0.2),)))
CONFIG: dict[str, Any] = {
    "tasks": {
        "kind": "legged",
        "robot": "quadruped",
        "vary": {"payload": {"train": [0.0, 0.2]}},
        "horizon": 10,
    },
    "policy": {"hidden": [8]},
    "learner": {"kind": "joint"},
    "outer": {"kind": "ppo", "num_epochs": 1},
    "train": {"iterations": 4, "num_tasks": 4, "episodes": 2, "num_threads": 1, "curriculum": "payload"},
}


class Slopes:
    """A family without success."""

    variables = (Variable("slope_deg", ((0.0, 8.0),)),)


def walked(*progress: list[float]) -> Curriculum:
    curriculum = Curriculum(Legged("quadruped", VARIABLES), "difficulty", 8)
    for row in progress:
        curriculum.follow(torch.tensor(row))
    return curriculum


def test_levels_rise_where_the_way_was_travelled_fall_below_half_of_it_and_stay_in_between() -> None:
    nan = float("nan")
    levels = walked([1] * 8, [1] * 8, [1] * 8, [1, 0.8, 0.79, 0.5, 0.49, 0, nan, 1]).levels
    torch.testing.assert_close(levels, torch.tensor([4, 4, 3, 3, 2, 2, 3, 4]) * STEP)


def test_levels_stay_between_nothing_and_the_whole_range() -> None:
    assert not walked([0] * 8).levels.any()
    assert (walked(*[[1] * 8] * 30).levels == 1).all()


def test_tasks_are_at_the_level_of_their_place_and_keep_their_kind_of_ground() -> None:
    curriculum = walked(*[[1, 0] * 4] * 10)  # levels 0.5 and 0
    family = Legged("quadruped", VARIABLES)
    tasks = family.sample(8, "train", torch.Generator().manual_seed(0))
    placed = curriculum.placed(tasks)
    difficulty = placed.column("difficulty")
    assert (difficulty[1::2] == 0.2).all()
    assert ((difficulty[::2] > 0.2 + 0.4 * 0.45 - 1e-6) & (difficulty[::2] <= 0.4 + 1e-6)).all()
    assert placed.column("ground").tolist() == [0, 1, 2, 3] * 2
    assert torch.equal(placed.column("payload"), tasks.column("payload"))
    share = (difficulty - 0.2) / 0.4
    assert (
        torch.equal(share * 2**30, (share * 2**30).round())
        or (share * 2**30 - (share * 2**30).round()).abs().max() < 1e-3
    )
    family.check(Tasks(placed.names, placed.values))


def test_levels_are_told_by_kind_of_ground() -> None:
    metrics = walked([1, 0, 0, 0, 1, 0, 0, 0]).metrics()
    assert metrics["level"] == pytest.approx(STEP / 4)
    assert [metrics[f"level/ground_{i}"] for i in range(4)] == pytest.approx([STEP, 0, 0, 0])


@pytest.mark.parametrize(
    ("name", "message"),
    [("slope_deg", "does not vary here"), ("ground", "no single range")],
)
def test_what_cannot_be_walked_through_is_refused(name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Curriculum(Legged("quadruped", VARIABLES), name, 8)


def test_tasks_without_success_are_refused() -> None:
    with pytest.raises(UserError, match="follows success"):
        Curriculum(Slopes(), "slope_deg", 8)  # type: ignore[arg-type]  # as much of a family as is read


def test_a_training_resumes_with_its_levels_to_the_bit() -> None:
    whole, half = Trainer(settings.parse(CONFIG)), Trainer(settings.parse(CONFIG))
    for _ in range(4):
        logged = whole.iterate()
    for _ in range(2):
        half.iterate()
    files = checkpoint.packed(half.state)
    again = Trainer(settings.parse(CONFIG), lambda like: checkpoint.unpacked(files, like))
    for _ in range(2):
        resumed = again.iterate()
    assert "level" in logged
    assert logged["level"] == resumed["level"]
    assert all(torch.equal(v, again.theta[k]) for k, v in whole.theta.items())
    assert torch.equal(whole.state.outer["curriculum.levels"], again.state.outer["curriculum.levels"])


def test_a_checkpoint_of_another_number_of_tasks_is_refused() -> None:
    state = Trainer(settings.parse(CONFIG)).state
    with pytest.raises(UserError, match="levels of 4 tasks"):
        Trainer(settings.parse(CONFIG | {"train": CONFIG["train"] | {"num_tasks": 6}}), state)
