"""Plots of runs: what is drawn, and what has no axis in common."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib import pyplot as plt

from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.reporting.plots import figures, plot_rates, plot_training
from metarl.runs import folder

PNG = b"\x89PNG"


def run_with(config: Config, name: str, *records: dict[str, float]) -> folder.Run:
    run = folder.create(name, config, "")
    run.metrics.write_text("".join(json.dumps(r) + "\n" for r in records))
    return run


def test_runs_of_one_kind_are_drawn_together(
    small: Callable[..., Config], workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a run that adapts two lines, of one that does not one."""
    steps = {"iteration": 1, "env_steps": 1e6}
    adapting = run_with(small("maml_point"), "adapting", {**steps, "return_before": 1.0, "return_after": 2.0})
    fixed = run_with(small("maml_point"), "fixed", {**steps, "return_before": 1.0})
    drawn: list[str] = []
    finish = figures.finish
    monkeypatch.setattr(
        "metarl.reporting.plots.training.finish",
        lambda axes: (drawn.extend(axes.get_legend_handles_labels()[1]), finish(axes)),
    )
    plot_training([adapting, fixed], workdir / "training.png")
    assert drawn == [f"{adapting.name}, after", f"{adapting.name}, before", fixed.name]
    assert (workdir / "training.png").read_bytes().startswith(PNG)
    assert plt.get_fignums() == []


def test_runs_with_no_axis_in_common_are_refused(small: Callable[..., Config], workdir: Path) -> None:
    acting, classifying = (run_with(small(name), name) for name in ("maml_point", "maml_omniglot"))
    with pytest.raises(UserError, match="no axis in common"):
        plot_training([acting, classifying], workdir / "training.png")
    with pytest.raises(UserError, match="has not finished an iteration"):
        plot_training([acting], workdir / "training.png")
    assert not (workdir / "training.png").exists()


def test_rates_get_a_panel_for_each_robot(workdir: Path) -> None:
    panels = {robot: {"our worlds": [(1024, 1e5), (2048, 2e5)]} for robot in ("ant", "hopper")}
    plot_rates(panels, "a GPU", workdir / "rates.png")
    assert (workdir / "rates.png").read_bytes().startswith(PNG)


def test_a_failed_plot_leaves_no_open_figure(workdir: Path) -> None:
    with pytest.raises(OSError), figures.saved_figure(workdir / "none" / "plot.png", 1, 1, (2, 2)):  # noqa: PT011
        pass
    assert plt.get_fignums() == []
