"""Fine-tuning is selected once for all seeds of a config, and kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from metarl.config.experiment import Config
from metarl.evaluation import fine_tuning, tuning
from metarl.evaluation.adaptation import AdaptationEvaluator
from metarl.evaluation.comparison import compare_runs
from metarl.evaluation.defaults import STARTS, Baselines
from metarl.evaluation.evaluator import Options
from metarl.evaluation.fine_tuning import select, selection_steps
from metarl.evaluation.progress import Progress
from metarl.evaluation.tuning import Tunings, tuning_of
from metarl.runs import folder as runs
from metarl.training.trainer import Trainer
from tests.metarl.evaluation.saved import save_run

OPTIONS = Options("test", 2, after=(0, 1, 3), repeats=1)
Selections = list[tuple[str, int, tuple[int, ...]]]


@pytest.fixture
def joint(small: Callable[..., Config], monkeypatch: pytest.MonkeyPatch) -> Callable[..., runs.Run]:
    """Makes a run of joint training."""
    monkeypatch.setattr(fine_tuning, "STEPS", [(0.01, 5), (1.0, 1)])
    monkeypatch.setattr(tuning, "STEPS", fine_tuning.STEPS)
    monkeypatch.setattr(fine_tuning, "NUM_TASKS", 2)

    def make(name: str = "joint_point", **changes: object) -> runs.Run:
        return save_run(name, small("maml_point", learner={"kind": "joint"}, **changes))

    return make


@pytest.fixture
def selections(monkeypatch: pytest.MonkeyPatch) -> Selections:
    """What is selected: the start, the seed of the run, and after how many episodes."""
    made: Selections = []

    def counted(trainer: Trainer, start: str, after: tuple[int, ...], *rest: object) -> fine_tuning.Selected:
        made.append((start, trainer.config.seed, tuple(after)))
        return select(trainer, start, after, *rest)  # type: ignore[arg-type]  # as it is called

    monkeypatch.setattr(tuning, "select", counted)
    return made


def test_it_is_selected_once_for_all_seeds_and_learners_and_never_again(
    workdir: Path, small: Callable[..., Config], joint: Callable[..., runs.Run], selections: Selections
) -> None:
    every = [joint(seed=0), joint(seed=1), save_run("maml_point", small("maml_point"))]
    (comparison,) = compare_runs(every, OPTIONS, at=1)
    assert [row.entry.learner for row in comparison.rows][2:] == ["joint training, fine-tuned", "from scratch"]
    assert selections == [("trained", 0, (0, 1, 3)), ("scratch", 0, (0, 1, 3))]
    for fine_tuned in comparison.rows[2:]:
        first, second = fine_tuned.entry.evaluations
        assert first.chosen == second.chosen
        assert (first.returns != second.returns).any()  # each seed has weights of its own
    compare_runs([*every, joint(seed=2)], OPTIONS, at=1)  # which is evaluated, with what was selected
    assert len(selections) == 2
    AdaptationEvaluator(every[1].config).evaluate(every[1], OPTIONS._replace(fine_tune="trained", seed=5))
    assert len(selections) == 2


def test_it_is_selected_again_where_it_depends_on_what_has_changed(
    workdir: Path, joint: Callable[..., runs.Run], selections: Selections
) -> None:
    """Another network for both; another rate of training for the trained policy alone; another number of episodes."""
    first = joint()
    compare_runs([first], OPTIONS, at=1)
    compare_runs([joint(policy__hidden=[4])], OPTIONS, at=1)
    assert [start for start, *_ in selections] == ["trained", "scratch"] * 2
    compare_runs([joint(outer__outer_lr=0.5)], OPTIONS, at=1)
    assert [start for start, *_ in selections][4:] == ["trained"]
    compare_runs([first], OPTIONS._replace(after=(0, 2)), at=1)
    assert selections[5:] == [("trained", 0, (0, 1, 2)), ("scratch", 0, (0, 1, 2))]


@pytest.mark.parametrize("baselines", ["none", "fine-tuned", "scratch"])
def test_only_the_baselines_asked_for_are_computed(
    baselines: Baselines, workdir: Path, joint: Callable[..., runs.Run], selections: Selections
) -> None:
    (comparison,) = compare_runs([joint()], OPTIONS, at=1, starts=STARTS[baselines])
    assert len(comparison.rows) == 1 + len(STARTS[baselines])
    assert tuple(start for start, *_ in selections) == STARTS[baselines]


def test_what_is_selected_for_some_episodes_does_not_depend_on_the_others(
    workdir: Path, joint: Callable[..., runs.Run]
) -> None:
    """Also beyond one batch of twenty; and all the work is told."""
    trainer, told = Trainer(joint(policy__init_std=1.0).config), Progress()
    together = select(trainer, "trained", (0, 1, 3, 22), told.advance)
    assert told.done == selection_steps((0, 1, 3, 22), trainer.family.horizon)
    assert together == {k: v for one in (1, 3, 22) for k, v in select(trainer, "trained", (0, one)).items()}
    assert select(trainer, "trained", (0,)) == {}


@pytest.mark.parametrize(
    "damage",
    [
        lambda stored: stored | {"selected": {"1": [77.0, 9], "3": [77.0, 9]}},
        lambda stored: stored | {"protocol": 0},
        lambda stored: stored | {"selected": {"1": [10**400, 1]}},
        lambda stored: stored | {"selected": [1, 2]},
        lambda stored: [stored],
    ],
)
def test_a_damaged_file_is_not_used(
    damage: Callable[[object], object], workdir: Path, joint: Callable[..., runs.Run], selections: Selections
) -> None:
    run = joint()
    compare_runs([run], OPTIONS, at=1, starts=("trained",))
    (path,) = run.path.glob("fine_tuning_trained_*.json")
    path.write_text(json.dumps(damage(json.loads(path.read_text()))))
    assert Tunings().find(run, tuning_of(run, "trained", "cpu"), (0, 1, 3)) is None


def test_where_nothing_can_be_stored_it_is_still_selected_once(
    workdir: Path,
    joint: Callable[..., runs.Run],
    selections: Selections,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(run: runs.Run, name: str, text: str) -> None:
        raise OSError(28, "No space left on device")

    every = [joint(seed=0), joint(seed=1)]
    monkeypatch.setattr(runs.Run, "write", full)
    compare_runs(every, OPTIONS, at=1, starts=("trained",))
    assert len(selections) == 1
    assert "could not be stored: No space left on device" in caplog.text
