"""Seconds until a robot has adapted to a change, by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from metarl.evaluation.adaptation_evaluation import Evaluation
from metarl.evaluation.recovery import has_events, recovery_note
from metarl.reporting.plots.recovery import plot_recovery


def evaluation(errors: list[float]) -> Evaluation:
    """Of two tasks, whose mean error before a change and in the seconds after it is given."""
    names = ["event/before", *(f"event/{i} s" for i in range(1, 11))]
    results = {name: np.array([[x - 0.1, x + 0.1]]) for name, x in zip(names, errors, strict=True)}
    returns = np.zeros((1, 2))
    return Evaluation(
        *(
            "run",
            "RL^2 (GRU)",
            "test",
            0,
            1,
            1,
            1,
            0.0,
            [{"payload": 0.0}, {"payload": 1.0}],
            (0,),
            0,
            returns,
            returns,
        ),
        adapting_ms=(0.0,),
        diverged=0.0,
        chosen="",
        results=results,
    )


def test_adaptation_ends_where_the_error_stays_near_its_end() -> None:
    """From 0.6 in the worst second to 0.2: near is below 0.24, which holds from the third second on."""
    found = evaluation([0.1, 0.5, 0.6, 0.23, 0.24, 0.21, 0.2, 0.2, 0.2, 0.2, 0.2])
    assert has_events(found)
    assert recovery_note(found) == (
        "velocity error 0.10 m/s before the change, 0.60 in the worst second after it, 0.20 in the end; near that 2 s "
        "after the change"
    )
    again = evaluation([0.1, 0.5, 0.6, 0.23, 0.5, 0.21, 0.2, 0.2, 0.2, 0.2, 0.2])
    assert "near that 4 s" in recovery_note(again)


def test_episodes_may_end_too_soon() -> None:
    assert "too soon" in recovery_note(evaluation([0.1, 0.5, 0.6, 0.2, *[float("nan")] * 7]))


def test_errors_by_the_second_are_drawn(tmp_path: Path) -> None:
    target = tmp_path / "recovery.png"
    plot_recovery([evaluation([0.1, 0.5, 0.6, 0.2, *[float("nan")] * 7])], target)
    assert target.stat().st_size > 5000
