"""Success by ground and difficulty: the numbers of a table, and when there is a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from metarl.evaluation.adaptation_evaluation import Evaluation
from metarl.reporting.plots.success import difficulty_of, edge_labels, plot_success, success_table

TASKS = [{"ground": float(i % 2), "difficulty": i / 8} for i in range(8)]  # 0, 1/8 .. 7/8


def evaluation(success: list[float] | None, tasks: list[dict[str, float]] = TASKS) -> Evaluation:
    zeros = np.zeros((2, len(tasks)))
    results = {} if success is None else {"success": np.array([[0.0] * len(tasks), success])}
    empty = ("run", "RMA", "ood", 0, 1, 2, 10, 0.1)
    return Evaluation(*empty, tasks, (0, 1), 1, zeros, zeros, (0.0, 0.0), 0.0, "", results=results)


def test_success_is_averaged_by_kind_and_interval() -> None:
    """Halves at 0.4375: even tasks are of kind 0, and of the first four 1, 0, 1, 0 succeeded."""
    edges = np.array([0, 0.4375, 0.875])
    table = success_table(evaluation([1, 0, 1, 1, 0, 1, 1, 1]), "difficulty", edges, [0.0, 1.0, 2.0])
    np.testing.assert_allclose(table, [[100, 50], [50, 100], [np.nan, np.nan]])


def test_there_is_a_picture_where_the_ground_varies_and_success_is_known(tmp_path: Path) -> None:
    known = evaluation([1.0] * 8)
    assert difficulty_of(known) == "difficulty"
    plot_success([known, known], "difficulty", tmp_path / "success.png")
    assert (tmp_path / "success.png").stat().st_size > 1000


def test_there_is_none_without_success_or_without_a_ground() -> None:
    assert difficulty_of(evaluation(None)) is None
    assert difficulty_of(evaluation([1.0] * 8, [{"payload": i / 8} for i in range(8)])) is None


def test_a_slope_counts_as_a_ground() -> None:
    assert difficulty_of(evaluation([1.0] * 8, [{"slope_deg": float(i)} for i in range(8)])) == "slope_deg"


def test_an_end_of_the_range_that_is_nearly_0_is_called_0() -> None:
    assert edge_labels(np.array([0.00016, 0.1, 0.25])) == ["0", "0.1", "0.25"]
    assert edge_labels(np.array([-15.0, 0.1, 15.0])) == ["-15", "0", "15"]
    assert edge_labels(np.array([0.3, 0.302])) == ["0.3", "0.3"]
