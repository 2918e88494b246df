"""An evaluation of an acting learner as a table and as JSON, with other runs beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from envs.core import TaskDistribution
from envs.wording import count_of
from metarl.evaluation.adaptation_evaluation import Evaluation, labels_of
from metarl.evaluation.recovery import has_events, recovery_note
from metarl.evaluation.statistics import Estimate, interval_note, mean_interval
from metarl.evaluation.task_groups import Group, describe_tasks, gain, groups
from metarl.evaluation.text_table import TextTable

RESULTS = {  # what rollouts tell of an episode, in words, what it is multiplied by, and how many digits are shown
    "success": ("success in %", 100.0, None),
    "fallen": ("falls in %", 100.0, None),
    "velocity_error": ("velocity error in m/s", 1.0, 2),
    "turn_error": ("yaw rate error in rad/s", 1.0, 2),
}


def adaptation_table(family: TaskDistribution, evaluation: Evaluation, against: Sequence[Evaluation]) -> TextTable:
    """Mean return and 95 % interval over tasks: a row for each group of tasks, a column for each number of adaptation
    episodes; the runs `against` which it is compared as after their own training."""
    rows = [_row(evaluation, group, against) for group in groups(family, evaluation)]
    rows.append(_greedy_row(evaluation, against))
    rows += _result_rows(family, evaluation, against)
    title = f"{evaluation.run}, iteration {evaluation.iteration}: {describe_tasks(family, evaluation)}"
    return TextTable(title, _headers(evaluation, against), rows, _notes(evaluation), align="lr")


def summary(family: TaskDistribution, evaluation: Evaluation, against: Sequence[Evaluation]) -> dict[str, Any]:
    """The table as JSON, and all evaluations that it is made of."""
    rows = []
    for group in groups(family, evaluation):
        row: dict[str, Any] = {"tasks": group.label, "count": int(group.members.sum())}
        row["return"] = [mean_interval(r[group.members]).to_json() for r in evaluation.returns]
        row["greedy"] = [mean_interval(r[group.members]).to_json() for r in evaluation.greedy]
        if len(evaluation.returns) > 1:
            row["gain"] = gain(evaluation, group.members).to_json()
        row["results"] = {
            name: [mean_interval(r[group.members]).to_json() for r in table]
            for name, table in evaluation.results.items()
        }
        row["against"] = {
            " ".join(filter(None, (o.run, o.variant))): mean_interval(o.returns[o.adapted, group.members]).to_json()
            for o in against
        }
        rows.append(row)
    return {"evaluation": evaluation.to_json(), "against": [o.to_json() for o in against], "summary": rows}


def _headers(evaluation: Evaluation, against: Sequence[Evaluation]) -> list[str]:
    headers = ["tasks", *(f"after {k}" if k else "before" for k in evaluation.after)]
    if len(evaluation.after) > 1:
        headers.append(f"gain after {evaluation.after[evaluation.gained]}")
    others = zip(against, labels_of([evaluation, *against])[1:], strict=True)
    return headers + [f"{label}, after {o.trained_after}" if len(o.after) > 1 else label for o, label in others]


def _row(evaluation: Evaluation, group: Group, against: Sequence[Evaluation]) -> list[str]:
    estimates = [mean_interval(row[group.members]) for row in evaluation.returns]
    estimates += [gain(evaluation, group.members)] if len(evaluation.after) > 1 else []
    estimates += [mean_interval(other.returns[other.adapted, group.members]) for other in against]
    return _cells(f"{group.label} ({group.members.sum()})", estimates)


def _greedy_row(evaluation: Evaluation, against: Sequence[Evaluation]) -> list[str]:
    estimates = [mean_interval(row) for row in evaluation.greedy]
    if len(evaluation.after) > 1:
        estimates.append(mean_interval(evaluation.greedy[evaluation.gained] - evaluation.greedy[0]))
    estimates += [mean_interval(other.greedy[other.adapted]) for other in against]
    return _cells("all tasks, greedy actions", estimates)


def _result_rows(family: TaskDistribution, evaluation: Evaluation, against: Sequence[Evaluation]) -> list[list[str]]:
    """What else came of episodes of greedy actions, where the tasks tell it: success of every group, and of all tasks
    how often robots fell and how far they were from what was commanded.
    """
    rows = []
    for name, (label, scale, digits) in RESULTS.items():
        every_group = groups(family, evaluation) if name in evaluation.results else []
        for group in every_group if name == "success" else every_group[:1]:
            values = [scale * row[group.members] for row in evaluation.results[name]]
            estimates = [mean_interval(row) for row in values]
            if len(values) > 1:
                estimates.append(mean_interval(values[evaluation.gained] - values[0]))
            cells = [estimate.to_text("\n", digits) for estimate in estimates]
            others = [o.results[name][o.adapted, group.members] if name in o.results else None for o in against]
            cells += ["" if o is None else mean_interval(scale * o).to_text("\n", digits) for o in others]
            rows.append([f"{label}, greedy, {group.label}", *cells])
    return rows


def _cells(label: str, estimates: list[Estimate]) -> list[str]:
    return [label, *(estimate.to_text("\n") for estimate in estimates)]


def _notes(evaluation: Evaluation) -> list[str]:
    trained = len(evaluation.after) > 1 and not evaluation.chosen
    note = (
        f"mean return [{interval_note(len(evaluation.tasks))}] after so many episodes of adaptation"
        f"{f', trained for {evaluation.trained_after}' if trained else ''}; "
        f"{count_of(evaluation.repeats, 'repeat')} a task; one training seed; "
        f"{100 * evaluation.diverged:.2g} % of episodes diverged"
    )
    changed = [recovery_note(evaluation)] if has_events(evaluation) else []
    selected = [f"{evaluation.chosen} episodes, selected on training tasks"] if evaluation.chosen else []
    return [note, *changed, *selected]
