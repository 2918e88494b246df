"""Plots of runs: what is drawn, and what has no axis in common."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib import pyplot as plt

from metarl.cli.plot import Plot
from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.evaluation.published import ROBOTS
from metarl.evaluation.statistics import Estimate
from metarl.reporting.plots import figures, plot_rates, plot_training
from metarl.runs import folder
from tests.metarl.reporting.figure_checks import Catch, check_readable, drawn, lines_of

__all__ = ["drawn"]
PNG = b"\x89PNG"


def run_with(config: Config, name: str, *records: dict[str, float]) -> folder.Run:
    run = folder.create(name, config, "")
    run.metrics.write_text("".join(json.dumps(r) + "\n" for r in records))
    return run


def steps(i: int, **values: float) -> dict[str, float]:
    return {"iteration": i, "env_steps": i * 1e6, **values}


def test_runs_of_one_kind_are_drawn_together(small: Callable[..., Config], workdir: Path, drawn: Catch) -> None:
    """Of a run that adapts two lines, of one that does not one; named by their learner; a point shows alone."""
    adapting = run_with(small("maml_point"), "adapting", steps(1, return_before=1.0, return_after=2.0))
    fixed = run_with(small("cavia_point"), "fixed", steps(1, return_before=1.0))
    plot_training([adapting, fixed], workdir / "training.png")
    axes = drawn().axes[0]
    assert [marker for _, marker, points in lines_of(axes) if points] == ["D", "D", "P"]
    labels = axes.get_legend_handles_labels()[1]
    assert labels == ["Meta-SGD", "CAVIA", "after adaptation", "before adaptation"]
    check_readable(drawn())
    assert (workdir / "training.png").read_bytes().startswith(PNG)
    assert plt.get_fignums() == []


def test_seeds_share_a_color_and_configs_of_one_learner_have_panels(
    small: Callable[..., Config], workdir: Path, drawn: Catch
) -> None:
    log = [steps(i, return_before=1.0 * i, return_after=2.0 * i) for i in (1, 2, 3)]
    seeds = [run_with(small("gru_point", seed=s), "gru_point", *log) for s in (0, 1)]
    plot_training(seeds, workdir / "seeds.svg")
    axes = drawn().axes[0]
    assert axes.get_legend_handles_labels()[1][0] == "RL\N{SUPERSCRIPT TWO} (GRU), 2 trainings"
    assert len({color for color, _, points in lines_of(axes) if points}) == 1
    wide = run_with(small("gru_point", learner__hidden=9), "wide", *log)
    plot_training([*seeds, wide], workdir / "two.pdf")
    titles = [axes.get_title() for axes in drawn().axes]
    assert titles == ["RL\N{SUPERSCRIPT TWO} (GRU) (gru_point)", "RL\N{SUPERSCRIPT TWO} (GRU) (wide)"]
    check_readable(drawn())


def test_losses_have_plain_numbers_and_gaps(small: Callable[..., Config], workdir: Path, drawn: Catch) -> None:
    log = [steps(1, loss=4.0), steps(2), steps(3, loss=0.5)]
    plot_training([run_with(small("maml_sinusoid"), "sines", *log)], workdir / "loss.png")
    axes = drawn().axes[0]
    assert "examples" in axes.get_xlabel()  # sine waves are no images
    assert not any("mathdefault" in label.get_text() for label in axes.get_ymajorticklabels())
    check_readable(drawn())


def test_published_results_stand_at_their_steps(small: Callable[..., Config], workdir: Path, drawn: Catch) -> None:
    """Of a learner with results after several episodes only the last is drawn."""
    log = [steps(i, return_before=10.0 * i, return_after=20.0 * i) for i in (1, 2, 3)]
    run = run_with(small("gru_robot"), "gru_robot", *log)
    plot_training([run], workdir / "published.png", ROBOTS["pearl-cheetah-dir"])
    axes = drawn().axes[0]
    stars = [
        tuple(map(float, line.get_xydata()[0]))
        for line in axes.get_lines()
        if line.get_marker() == "*" and len(line.get_xydata())
    ]
    assert stars == [(100.0, 1930.0), (1.44, 1663.0), (75.0, 2300.0)]
    assert [text.get_text() for text in axes.texts] == ["VariBAD, after 1", "PEARL, after 2", "hypernetwork, after 1"]
    check_readable(drawn())


def test_published_results_of_another_distribution_are_refused(small: Callable[..., Config], workdir: Path) -> None:
    """Runs of two distributions, and one whose settings differ from the published ones."""
    log = steps(1, return_before=1.0)
    run_with(small("gru_robot", tasks__horizon=None), "direction", log)
    run_with(small("gru_robot", tasks__name="pearl-cheetah-vel", tasks__horizon=None), "speed", log)
    run_with(small("gru_robot", tasks__physics="fast"), "fast", log)
    for names in (("direction", "speed"), ("fast",)):
        with pytest.raises(UserError, match="--published draws results on one published distribution"):
            Plot(names, workdir / "x.png", published=True)({})
    assert not (workdir / "x.png").exists()
    assert Plot(("speed",), workdir / "x.png", published=True)({}) == 0


def test_runs_with_no_axis_in_common_are_refused(small: Callable[..., Config], workdir: Path) -> None:
    acting, classifying = (run_with(small(name), name) for name in ("maml_point", "maml_omniglot"))
    with pytest.raises(UserError, match="no axis in common"):
        plot_training([acting, classifying], workdir / "training.png")
    with pytest.raises(UserError, match="has not finished an iteration"):
        plot_training([acting], workdir / "training.png")
    assert not (workdir / "training.png").exists()


@pytest.mark.parametrize("robots", [1, 2, 5])
def test_rates_get_a_panel_for_each_robot(robots: int, workdir: Path, drawn: Catch) -> None:
    lines = {label: [(1024, 1e5), (2048, 2e5)] for label in ("our worlds", "bare MuJoCo Warp", "with the policy")}
    panels = {f"robot {i}": lines for i in range(robots)}
    plot_rates(panels, "a GPU", workdir / "rates.png")
    assert len([axes for axes in drawn().axes if axes.axison]) == robots
    check_readable(drawn())


def test_a_failed_plot_leaves_no_open_figure(workdir: Path) -> None:
    with pytest.raises(OSError), figures.saved_figure(workdir / "none" / "plot.png", 1, 1, (2, 2)):  # noqa: PT011
        pass
    assert plt.get_fignums() == []


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_the_same_data_give_the_same_bytes(suffix: str, workdir: Path) -> None:
    """The suffix says which format; text stays text, fonts are within, and no date is written."""
    contents = []
    for name in ("one", "two"):
        path = workdir / f"{name}.{suffix}"
        plot_rates({"ant": {"our worlds": [(1024, 1e5), (2048, 2e5)]}}, "a GPU", path)
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]
    words = {"png": PNG, "svg": b">our worlds</text>", "pdf": b"/FontFile2"}
    assert words[suffix] in contents[0]
    assert b"CreationDate" not in contents[0]
    assert b"<dc:date>" not in contents[0]


def test_pictures_need_no_backend_that_the_environment_names() -> None:
    code = "from metarl.reporting.plots import figures; figures.plt.figure()"
    environment = os.environ | {"MPLBACKEND": "nonsense"}
    assert subprocess.run([sys.executable, "-c", code], env=environment, timeout=120).returncode == 0


def test_an_axis_names_its_intervals_where_there_are_any() -> None:
    """Fewer than ten tasks have none."""
    nan = float("nan")
    assert figures.interval_label("return", [Estimate(1.0, nan, nan)]) == "return"
    assert figures.interval_label("return", [Estimate(1.0, nan, nan), Estimate(1.0, 0.0, 2.0)]) == "return, 95 % CI"
