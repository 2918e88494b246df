"""Learners that act, side by side on the same unseen tasks: one standing for each distribution of tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.core import TaskDistribution
from metarl.config.schema import SUPERVISED, Config, NamedTasks, without_seed
from metarl.errors import UserError
from metarl.evaluation import evaluate, statistics
from metarl.evaluation import fine_tuning as fine_tuning
from metarl.evaluation.evaluate import Evaluation
from metarl.evaluation.statistics import Bootstrap, Estimate, Returns, interquartile_mean
from metarl.runs import checkpoint
from metarl.runs.folder import Run
from metarl.training.build import build_family

FEWEST_OF_A_KIND = 5  # chosen: of single tasks nothing can be drawn anew
FINEST = 8  # choices of a number up to which they are strata; more are as good as a range
FINE_TUNED: tuple[fine_tuning.Start, ...] = ("trained", "scratch")


class Entry(NamedTuple):
    """One learner: evaluations of runs that differ in nothing but their seed."""

    name: str
    learner: str
    seeds: list[int]
    evaluations: list[Evaluation]

    @property
    def after(self) -> tuple[int, ...]:
        return self.evaluations[0].after

    def returns(self, after: int, greedy: bool = False) -> Returns:
        """After so many episodes of adaptation, [S, N]; of what does not adapt always the same."""
        row = self.after.index(after) if len(self.after) > 1 else 0
        return np.stack([(e.greedy if greedy else e.returns)[row] for e in self.evaluations])

    def has(self, after: int) -> bool:
        return len(self.after) == 1 or after in self.after

    def mean(self, of: Callable[[Evaluation], float]) -> float:
        return sum(map(of, self.evaluations)) / len(self.evaluations)


class ComparisonRow(NamedTuple):
    """What one learner reached, in numbers with intervals."""

    entry: Entry
    curve: dict[int, Estimate]  # interquartile mean of the return, by episodes of adaptation
    score: dict[int, Estimate]  # the same between joint training (0) and oracle (1)
    mean: Estimate
    tail: Estimate
    greedy: Estimate
    improvement: Estimate  # probability to do better than joint training


class Comparison(NamedTuple):
    """All learners on one distribution of tasks."""

    title: str
    family: TaskDistribution
    config: Config  # of one of its runs: its tasks
    split: str
    after: tuple[int, ...]
    at: int  # episodes of adaptation at which all but curves are told
    rows: list[ComparisonRow]
    ends: tuple[float, float] | None  # of the score: interquartile means of joint training and of the oracle
    notes: list[str]  # what a reader must know

    def to_json(self) -> dict[str, Any]:
        def told(place: ComparisonRow) -> dict[str, Any]:
            estimates = {k: getattr(place, k).to_json() for k in ("mean", "tail", "greedy", "improvement")}
            curves = {k: {a: e.to_json() for a, e in getattr(place, k).items()} for k in ("curve", "score")}
            entry = place.entry
            evaluations = [e.to_json() for e in entry.evaluations]
            return {"name": entry.name, "learner": entry.learner, "seeds": entry.seeds, **curves, **estimates} | {
                "evaluations": evaluations
            }

        tasks = self.config.tasks.model_dump(mode="json")
        return {"tasks": tasks, "split": self.split, "at": self.at, "learners": [told(p) for p in self.rows]}


def compare_runs(
    runs: Sequence[Run],
    split: str,
    num_tasks: int,
    *,
    after: Sequence[int] = evaluate.AFTER,
    repeats: int = evaluate.REPEATS,
    seed: int = 0,
    at: int = 3,
    fine_tune: bool = True,
    tell: Callable[[str], None] = lambda _: None,
) -> list[Comparison]:
    """Every run on the same unseen tasks of its distribution; what was evaluated before is read, not done again.

    fine_tune: runs of joint training count three times: as they are, fine-tuned in each task, and from scratch.
    Raises UserError for runs that have no policy.
    """
    for run in runs:
        if run.config.tasks.kind in SUPERVISED:
            raise UserError(f"{run.name} is on {run.config.tasks.kind} tasks, others act: compare one kind at a time")
    by_tasks: dict[str, list[Run]] = {}
    for run in runs:
        by_tasks.setdefault(run.config.tasks.model_dump_json(), []).append(run)
    found = []
    for some in by_tasks.values():
        entries = []
        for fine_tuned in (None, *(FINE_TUNED if fine_tune else ())):
            for alike in _by_config(some):
                if fine_tuned is None or alike[0].config.learner.kind == "joint":
                    entries.append(_entry(alike, split, num_tasks, tuple(after), repeats, seed, fine_tuned, tell))
        found.append(_comparison(some[0].config, split, entries, tuple(sorted({*after, at})), at))
    return found


def is_evaluated(run: Run, split: str, num_tasks: int, after: Sequence[int]) -> bool:
    """Whether all that `standings` wants of a run by default is written down."""
    kinds = (None, *(FINE_TUNED if run.config.learner.kind == "joint" else ()))
    return all(
        evaluate.find_stored(run, split, num_tasks, after, evaluate.REPEATS, 0, fine_tuned) is not None
        for fine_tuned in kinds
    )


def _by_config(runs: list[Run]) -> list[list[Run]]:
    """Runs that differ in their seed alone; of two with the same seed, which are the same, the first."""
    alike: dict[tuple[str, bool], dict[int, Run]] = {}
    for run in runs:
        alike.setdefault((without_seed(run.config), run.best), {}).setdefault(run.config.seed, run)
    return [list(seeds.values()) for seeds in alike.values()]


def _entry(
    runs: list[Run],
    split: str,
    num_tasks: int,
    after: tuple[int, ...],
    repeats: int,
    seed: int,
    fine_tuned: fine_tuning.Start | None,
    tell: Callable[[str], None],
) -> Entry:
    if not runs[0].best and len({checkpoint.selected_iteration(run) for run in runs}) > 1:
        raise UserError(f"the runs of {runs[0].title} ended at different iterations: resume the shorter ones")
    display_name = evaluate.display_name(runs[0].config, fine_tuned)
    evaluations = []
    for run in runs:
        tell(f"{run.name}: {display_name}")
        known = evaluate.find_stored(run, split, num_tasks, after, repeats, seed, fine_tuned)
        if known is None:
            known = evaluate.evaluate(
                run, split, num_tasks, after=after, repeats=repeats, seed=seed, fine_tuned=fine_tuned
            )
            evaluate.store(run, known)
        evaluations.append(known)
    return Entry(runs[0].title, display_name, [run.config.seed for run in runs], evaluations)


def _comparison(config: Config, split: str, entries: list[Entry], after: tuple[int, ...], at: int) -> Comparison:
    family = build_family(config)
    tasks = entries[0].evaluations[0].tasks
    if any(e.tasks != tasks for entry in entries for e in entry.evaluations):
        raise UserError("the runs were judged on different tasks: remove their evaluation_*.json and compare again")
    entries, notes = _without_gaps(entries)
    entries = _named_apart(entries)
    boot = Bootstrap(_strata(family, split, tasks))
    baseline = next((e for e in entries if e.learner == "joint"), None)
    oracle = next((e for e in entries if e.learner == "oracle"), None)
    scale = _scale(boot, baseline, oracle)
    notes += _about_scale(scale, baseline, oracle)
    rows = [_place(boot, entry, after, at, scale, baseline, oracle) for entry in entries]
    title = _described(family, config)
    ends = None if scale is None else (scale.zero[0], scale.one[0])
    return Comparison(title, family, config, split, after, at, rows, ends, notes)


def _described(family: TaskDistribution, config: Config) -> str:
    if isinstance(config.tasks, NamedTasks):
        changed = config.tasks.model_dump(exclude={"kind", "name"}, exclude_none=True)
        return ", ".join([config.tasks.name, *(f"{k} {v}" for k, v in changed.items())])
    varies = ", ".join(v.describe() for v in family.variables if v.name in family.descriptor_names)
    return f"{getattr(config.tasks, 'robot', config.tasks.kind)}: {varies}"


def _without_gaps(entries: list[Entry]) -> tuple[list[Entry], list[str]]:
    """Where all worlds of a task broke down nobody knows the return: it counts as the worst that any learner had."""
    every = np.concatenate([np.concatenate([e.returns, e.greedy]) for x in entries for e in x.evaluations])
    if np.isnan(every).all(0).any():
        raise UserError(
            "there is a task in which the worlds of every learner broke down: nothing can be compared on it"
        )
    worst = np.nanmin(every, 0)
    filled, notes = [], []
    for entry in entries:
        gaps = sum(int(np.isnan(e.returns).sum()) for e in entry.evaluations)
        if gaps:
            notes.append(
                f"{entry.learner} broke down in all worlds of a task {gaps} times: that counts as the worst return"
            )
        told = [
            e._replace(
                returns=np.where(np.isnan(e.returns), worst, e.returns),
                greedy=np.where(np.isnan(e.greedy), worst, e.greedy),
            )
            for e in entry.evaluations
        ]
        filled.append(entry._replace(evaluations=told))
    return filled, notes


def _named_apart(entries: list[Entry]) -> list[Entry]:
    """Learners of one kind by the names of their configs too; the first joint training and oracle keep theirs."""
    names = [e.learner for e in entries]
    kept: set[str] = set()
    apart = []
    for entry in entries:
        alike = names.count(entry.learner) > 1
        first = entry.learner in ("joint", "oracle") and entry.learner not in kept
        kept.add(entry.learner)
        apart.append(entry._replace(learner=f"{entry.learner} ({entry.name})") if alike and not first else entry)
    return apart


def _about_scale(scale: Scale | None, baseline: Entry | None, oracle: Entry | None) -> list[str]:
    if scale is not None:
        return []
    if baseline is None or oracle is None:
        missing = " and ".join(w for w, e in (("joint training", baseline), ("an oracle", oracle)) if e is None)
        return [f"no score: {missing} was not given"]
    return ["no score: the oracle is not clearly better than joint training"]


def _strata(family: TaskDistribution, split: str, tasks: list[dict[str, float]]) -> NDArray[np.int64]:
    """[N]: tasks of the same choices are of one stratum; all are of one where some stratum would be small."""
    chosen = [
        v.name
        for v in family.variables
        if v.name in family.descriptor_names and v.is_finite(split) and len(v.intervals(split)) <= FINEST
    ]
    rows = np.array([[task[name] for name in chosen] for task in tasks]).reshape(len(tasks), -1)
    kinds, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)[1:]
    return np.asarray(kinds if counts.min() >= FEWEST_OF_A_KIND else np.zeros(len(tasks), dtype=np.int64)).reshape(-1)


class Scale(NamedTuple):
    """Joint training and oracle, each as it is and resampled [R]."""

    zero: tuple[float, NDArray[np.float64]]
    one: tuple[float, NDArray[np.float64]]

    def score(self, value: NDArray[np.float64] | float, resampled: bool) -> Any:
        low, high = self.zero[resampled], self.one[resampled]
        return (value - low) / (high - low)


def _scale(boot: Bootstrap, baseline: Entry | None, oracle: Entry | None) -> Scale | None:
    """None where one of them is missing, or the oracle is not the better one."""
    if baseline is None or oracle is None:
        return None
    zero, one = (
        (float(interquartile_mean(r)), interquartile_mean(boot.resample(r)))
        for r in (baseline.returns(0), oracle.returns(0))
    )
    inverted = float((one[1] <= zero[1]).mean())  # among resamples: beyond this an interval would be an artefact
    return Scale(zero, one) if one[0] > zero[0] and inverted < 0.025 else None


NOTHING = Estimate(float("nan"), float("nan"), float("nan"))


def _place(
    boot: Bootstrap,
    entry: Entry,
    after: tuple[int, ...],
    at: int,
    scale: Scale | None,
    baseline: Entry | None,
    oracle: Entry | None,
) -> ComparisonRow:
    curve, score = {}, {}
    for k in after:
        if not entry.has(k):
            continue
        returns = entry.returns(k)
        value, resampled = float(interquartile_mean(returns)), interquartile_mean(boot.resample(returns))
        curve[k] = boot.interval(value, resampled)
        if scale is not None:
            if entry is baseline or entry is oracle:  # by definition, whatever was drawn
                resampled = scale.zero[1] if entry is baseline else scale.one[1]
            score[k] = boot.interval(scale.score(value, False), scale.score(resampled, True))
    returns = entry.returns(at)
    improvement = NOTHING
    if baseline is not None and entry is not baseline:
        theirs = baseline.returns(0)
        value = float(statistics.improvement(returns, theirs))
        resampled = statistics.improvement(boot.resample(returns), boot.resample(theirs))
        improvement = boot.interval(value, resampled)
    return ComparisonRow(
        entry,
        curve,
        score,
        boot.estimate(returns, statistics.mean),
        _tail(entry, returns),
        boot.estimate(entry.returns(at, greedy=True), interquartile_mean),
        improvement,
    )


def _tail(entry: Entry, returns: Returns) -> Estimate:
    """Mean of the worst tasks, repeats of one task pooled; without an interval, which so few do not give."""
    rows = np.array([list(task.values()) for task in entry.evaluations[0].tasks])
    kinds = np.asarray(np.unique(rows, axis=0, return_inverse=True)[1]).reshape(-1)
    pooled = np.stack([returns[:, kinds == kind].mean(1) for kind in range(kinds.max() + 1)], 1)
    return Estimate(float(statistics.tail_mean(pooled)), float("nan"), float("nan"))


def profile(comparison: Comparison, entry: Entry, levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of trainings x tasks whose score lies above each of `levels` (Agarwal et al. 2021, section 4.2).

    A score is the return of a task between the interquartile means of joint training (0) and oracle (1); the return
    itself where there is no score.
    """
    zero, one = comparison.ends or (0.0, 1.0)
    scores = (entry.returns(comparison.at) - zero) / (one - zero)
    return np.asarray((scores.ravel()[None] > levels[:, None]).mean(1))
