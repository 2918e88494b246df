"""Events as they are typed."""

from __future__ import annotations

import pytest

from envs.legged.defaults import NEUTRAL
from metarl.errors import UserError
from metarl.reporting.film_events import KINDS, task_of_event


@pytest.mark.parametrize(
    ("text", "task"),
    [
        ("motor_failure@3s", {"event_motor": 4.0, "event_s": 3.0}),
        ("motor_failure:7@2.5s", {"event_motor": 7.0, "event_s": 2.5}),
        ("payload:0.25@10s", {"event_payload": 0.25, "event_s": 10.0}),
        ("friction@1s", {"event_friction": 0.4, "event_s": 1.0}),
    ],
)
def test_an_event_is_numbers_of_a_task(text: str, task: dict[str, float]) -> None:
    assert task_of_event(text) == task


@pytest.mark.parametrize("text", ["motor_failure", "motor_failure@3", "payload:x@3s", "@3s", ""])
def test_what_is_no_event_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UserError, match="such as motor_failure@3s"):
        task_of_event(text)


def test_an_unknown_event_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean motor_failure"):
        task_of_event("motor_fails@3s")


def test_every_kind_is_a_variable_that_changes() -> None:
    assert {kind.variable for kind in KINDS.values()} == set(NEUTRAL)
