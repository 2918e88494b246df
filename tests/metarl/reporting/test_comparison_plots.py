"""Figures of a comparison and of an evaluation: small multiples that can be read, and the report that holds them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from matplotlib.text import Text

from metarl.config.experiment import Config
from metarl.evaluation.adaptation_evaluation import Evaluation
from metarl.evaluation.adaptation_tables import adaptation_table
from metarl.evaluation.comparison import Comparison, compare_entries
from metarl.evaluation.comparison_entries import Entry
from metarl.evaluation.text_table import TextTable
from metarl.reporting import html
from metarl.reporting.plots import figures_of, plot_adaptation
from metarl.reporting.plots.comparison import write_figures
from metarl.training.build import build_family
from tests.metarl.reporting.figure_checks import Catch, check_readable, drawn

__all__ = ["drawn"]
AFTER = (0, 1, 2, 3, 5, 10, 20)
TASKS = [{"goal_x": 0.1 * i - 0.5, "goal_y": 0.3 - 0.02 * i} for i in range(12)]
LEARNERS = [
    "MAML", "FOMAML", "Meta-SGD", "ANIL", "Reptile", "CAVIA", "RL^2 (GRU)", "RL^2 (GRU), reset each episode", "SNAIL",
    "RL^2 (LSTM)", "shift",
]  # fmt: skip


def evaluation(learner: str, gain: float, adapts: bool = True, chosen: str = "") -> Evaluation:
    after = AFTER if adapts else (0,)
    spread = np.linspace(-9, 9, len(TASKS))
    returns = np.stack([-40 + gain * (k / (1 + k) if adapts else 1) + spread for k in after])
    return Evaluation(
        f"{learner}/0", learner, "test", 0, 2, 10, 1000, 0.5, TASKS, after, 3 if adapts else 0, returns, returns + 5,
        (0.0,) * len(after), 0.0, chosen,
    )  # fmt: skip


def comparison_of(learners: Sequence[str], config: Config, sb3: float = 20.0) -> Comparison:
    told = [("oracle", 25.0, "oracle"), ("SB3's PPO, observes the task", sb3, "sb3")]
    fixed = [("joint training", 0.0, "joint"), *told]
    entries = [Entry(n, n, [0], [evaluation(n, g, adapts=False)], baseline) for n, g, baseline in fixed]
    tuned = "joint training, fine-tuned"
    entries.append(Entry(tuned, tuned, [0], [evaluation(tuned, 4.0, chosen="5 x 0.1")]))
    entries += [Entry(n, n, [0], [evaluation(n, 5.0 + 2 * i)]) for i, n in enumerate(learners)]
    return compare_entries(config, "test", entries, AFTER, 3)


@pytest.mark.parametrize(("count", "few"), [(0, False), (4, False), (11, True)])
def test_every_figure_of_a_comparison_can_be_read(
    count: int, few: bool, small: Callable[..., Config], workdir: Path, drawn: Catch
) -> None:
    """A panel for each learner that adapts, the baselines in all of them; no panel is empty, whatever their number."""
    comparison = comparison_of(LEARNERS[:count], small("maml_point"))
    figures = figures_of(comparison)
    assert [*figures] == ["curves", "scores", "profiles", "goal_x", "goal_y"]
    for name, draw in [*figures.items()][: 2 if few else None]:
        draw(workdir / "figure.png")
        panels = [axes for axes in drawn().axes if axes.axison]
        assert len(panels) == (1 if name == "scores" else max(count, 1))
        check_readable(drawn())


def test_the_score_names_its_ceiling(small: Callable[..., Config], workdir: Path, drawn: Catch) -> None:
    for sb3, name in ((20.0, "oracle"), (30.0, "SB3's PPO, observes the task")):
        figures = figures_of(comparison_of(LEARNERS[:5], small("maml_point"), sb3))
        for figure in ("scores", "profiles"):
            figures[figure](workdir / f"{sb3}_{figure}.png")
            check_readable(drawn())
            texts = [str(t.get_text()).replace("\n", " ") for t in drawn().findobj(Text)]  # type: ignore[attr-defined]
            assert f"score (0: joint training, 1: {name})" in texts


def test_the_axis_of_episodes_says_that_it_is_unequal(
    small: Callable[..., Config], workdir: Path, drawn: Catch
) -> None:
    figures_of(comparison_of(LEARNERS[:1], small("maml_point")))["curves"](workdir / "figure.png")
    axes = drawn().axes[0]
    assert "log(1 + n)" in axes.get_xlabel()
    assert axes.get_xticks().tolist() == [*AFTER]
    at = axes.transData.transform([(k, 0) for k in (0, 1, 3)])[:, 0]
    assert at[1] - at[0] == pytest.approx(at[2] - at[1])  # log 2 each


def test_the_oracle_stands_beside_each_task(small: Callable[..., Config], workdir: Path, drawn: Catch) -> None:
    figures_of(comparison_of(LEARNERS[:2], small("maml_point")))["goal_x"](workdir / "figure.png")
    for axes in drawn().axes:
        oracle = next(c for c in axes.collections if c.get_label() == "oracle")
        assert np.asarray(oracle.get_offsets())[:, 0].tolist() == [task["goal_x"] for task in TASKS]


@pytest.mark.parametrize("against", [[], ["oracle"], ["oracle", "joint training"]])
def test_the_figure_of_an_evaluation_can_be_read(
    against: list[str], small: Callable[..., Config], workdir: Path, drawn: Catch
) -> None:
    family = build_family(small("maml_point"))
    others = [evaluation(name, 20.0, adapts=False) for name in against]
    plot_adaptation(family, evaluation("Meta-SGD", 9.0), others, workdir / "adaptation.pdf")
    check_readable(drawn())
    assert (workdir / "adaptation.pdf").read_bytes().startswith(b"%PDF")
    for axes in drawn().axes[1:3]:  # return of each task against one of its numbers
        names = [str(c.get_label()) for c in axes.collections]
        assert set(against) <= set(names)


def test_other_runs_that_adapt_are_curves_of_their_own(
    small: Callable[..., Config], workdir: Path, drawn: Catch
) -> None:
    """Those of the same learner are told apart by their runs, in the picture and in the table."""
    family, mine = build_family(small("maml_point")), evaluation("Meta-SGD", 9.0)
    others = [mine._replace(run="maml_point/1", returns=mine.returns - 3), evaluation("oracle", 20.0, adapts=False)]
    plot_adaptation(family, mine, others, workdir / "adaptation.png")
    check_readable(drawn())
    lines = {str(line.get_label()): line for line in drawn().axes[0].lines}
    assert {"Meta-SGD (0)", "Meta-SGD (1)", "oracle"} <= set(lines)
    assert np.asarray(lines["Meta-SGD (1)"].get_ydata()).tolist() == (mine.returns - 3).mean(1).tolist()
    assert lines["Meta-SGD (0)"].get_linestyle() != lines["Meta-SGD (1)"].get_linestyle()
    table = adaptation_table(family, mine, others)
    assert table.headers[-2:] == ["Meta-SGD (1), after 3", "oracle"]


def test_figures_are_written_beside_each_other(small: Callable[..., Config], workdir: Path) -> None:
    made = [comparison_of(LEARNERS[:1], small("maml_point"))] * 2
    written = write_figures(made, workdir / "x.svg")
    assert [p.name for p in written[:3]] == ["x.svg", "x_scores.svg", "x_profiles.svg"]
    assert "x_2.svg" in [p.name for p in written]
    assert all(p.read_text().startswith("<?xml") for p in written)


def test_a_note_of_several_tables_is_one_footnote() -> None:
    first, second = TextTable("a", ["x"], [["1"]], ["both", "of a"]), TextTable("b", ["x"], [["2"]], ["of b", "both"])
    tables, notes = html.with_footnotes([first, second])
    assert notes == ["both", "of a", "of b"]
    assert [t.footnotes for t in tables] == [[1, 2], [3, 1]]


def test_the_report_has_contents_and_every_link_leads_somewhere(small: Callable[..., Config], workdir: Path) -> None:
    html.write(workdir / "r.html", [comparison_of(LEARNERS[:2], small("maml_point"))], [], "metarl compare", False, str)
    text = (workdir / "r.html").read_text()
    links = re.findall(r'href="#([^"]+)"', text)
    assert {"s1", "s1-plots", "s1-tables", "s1-trainings"} <= set(links)
    assert "s1-videos" not in text  # there are none
    for link in links:
        assert text.count(f'id="{link}"') == 1
    assert len(re.findall(r"<figure><img", text)) == 5  # no training was given, so there is none of that
