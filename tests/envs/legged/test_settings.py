"""Mistakes in a config of legged tasks are one sentence, and weights take the place of the usual ones."""

from __future__ import annotations

from typing import Any

import pytest

from envs.legged.defaults import WEIGHTS
from envs.legged.family import Legged
from metarl.config import files as settings
from metarl.errors import UserError


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("tasks.reward", {"torqe": 1.0}, "did you mean torque"),
        ("tasks.noise", {"gravty": 1.0}, "did you mean gravity"),
        ("tasks.command.forward", [1.0, 0.0], "the lower end comes first"),
        ("tasks.vary", {"direction": {"choices": [1]}}, "direction is a goal"),
        ("tasks.vary", {"event_s": {"train": [1, 2]}}, "event_s has no effect on its own"),
        ("tasks.height_scan", "everybody", "critic"),
    ],
)
def test_a_mistake_is_one_sentence(key: str, value: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        settings.load(settings.find("joint_dog_flat"), {key: value})


def test_weights_that_are_not_named_keep_theirs() -> None:
    config = settings.load(settings.find("joint_dog_flat"), {"tasks.reward": {"torque": -1e-3}})
    family = config.tasks.build()
    assert isinstance(family, Legged)
    assert family.weights == WEIGHTS | {"torque": -1e-3}
