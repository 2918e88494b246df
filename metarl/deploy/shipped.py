"""Trained policies that come with the package: run folders as `metarl push` shares them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

from metarl.errors import UserError, nearest
from metarl.runs.run import Run

FOLDER = Path(__file__).resolve().parent.parent / "policies"


class Shipped(NamedTuple):
    """What is shown, and the task that it is shown in."""

    text: str
    task: dict[str, float]
    split: Literal["test", "ood"]


STAIRS = {"ground": 0.0, "difficulty": 0.45, "slope_deg": 0.0, "event_motor": -1.0}
POLICIES = {
    "cheetah": Shipped(
        "a GRU that finds out within a second which way it is rewarded to run (RL^2, pearl-cheetah-dir)",
        {"direction": -1.0},
        "test",
    ),
    "slope": Shipped(
        "Meta-SGD on slopes that it does not observe: a gradient step on ten episodes turns it round (maml_slope)",
        {"direction": 1.0, "slope_deg": 12.0},
        "ood",
    ),
    "dog": Shipped(
        "a robot dog that climbs stairs that it sees, and finds out what it carries and walks on (RL^2, gru_dog)",
        STAIRS,
        "test",
    ),
    "dog_rma": Shipped(
        "the robot dog from which that one learned: a student estimates what a teacher is told (RMA, rma_dog)",
        STAIRS,
        "test",
    ),
}


def shipped(name: str) -> tuple[Run, Shipped]:
    """The run of a policy, and how it is shown. Raises UserError for an unknown name."""
    if name not in POLICIES:
        raise UserError(f"there is no policy {name!r} to show; {nearest(name, POLICIES)}")
    return Run(FOLDER / name), POLICIES[name]
