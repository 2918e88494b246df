"""The result of evaluating one acting learner: returns of unseen tasks by the number of adaptation episodes.

Axes: `B` numbers of adaptation episodes, `N` tasks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from metarl.evaluation.defaults import Variant
from metarl.runs.stored import Count, Finite, Stored, Text, checked

Size = Annotated[float, Field(ge=0, allow_inf_nan=False)]
PROTOCOL = 4  # of the evaluation; stored results of another one are not used
TUNED_PROTOCOL = 6  # the same of fine-tuning, whose rates are those of all seeds, and reach down to 0.0001


class Evaluation(NamedTuple):
    """Returns of one run on tasks of one split, each the mean over the repeats of a task.

    Each repeat is an adaptation of its own, evaluated on one episode of sampled and one of greedy actions. A recurrent
    learner acts in whole trials, with sampled actions throughout or with greedy ones.
    """

    run: str
    learner: str
    split: str
    seed: int
    repeats: int
    iteration: int
    env_steps: int  # of training
    minutes: float  # of training
    tasks: list[dict[str, float]]
    after: tuple[int, ...]  # B: episodes of adaptation
    trained_after: int  # the number of adaptation episodes in training
    returns: NDArray[np.float64]  # [B, N] of sampled actions; NaN where every simulation of a task diverged
    greedy: NDArray[np.float64]  # [B, N] of greedy actions
    adapting_ms: tuple[float, ...]  # [B] computation of one adaptation, without simulation
    diverged: float  # fraction of the episodes whose simulation diverged
    chosen: str  # which fine-tuning was selected on training tasks; empty where there is none
    protocol: int = PROTOCOL
    simulator: str = "cpu"
    variant: Variant = ""
    results: Mapping[str, NDArray[np.float64]] = MappingProxyType({})  # [B, N] of greedy actions, such as `success`

    def to_json(self) -> dict[str, Any]:
        """JSON in which NaN is null and returns are rounded to three digits."""
        tables: dict[str, Any] = {"returns": _rows(self.returns), "greedy": _rows(self.greedy)}
        tables["results"] = {name: _rows(table) for name, table in self.results.items()}
        return {**self._asdict(), **tables}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Evaluation:
        """The inverse of `to_json`. Raises ValueError for what another version wrote, and for what cannot be."""
        if "trials" in stored:  # its name in version 0.11
            stored = {"repeats" if k == "trials" else k: v for k, v in stored.items()}
        if "teacher" in stored:  # in version 0.21
            stored = {**stored, "variant": "teacher" if stored["teacher"] else ""}
            del stored["teacher"]
        found = checked(StoredEvaluation, stored)
        tables: dict[str, Any] = {k: np.array(getattr(found, k), dtype=np.float64) for k in ("returns", "greedy")}
        tables["results"] = {k: np.array(table, dtype=np.float64) for k, table in found.results.items()}
        tuples = {k: tuple(getattr(found, k)) for k in ("after", "adapting_ms")}
        return cls(**{**dict(found), **tables, **tuples})

    @property
    def adapted(self) -> int:
        """The index in `after` of the number of adaptation episodes in training."""
        return self.after.index(self.trained_after)

    @property
    def gained(self) -> int:
        """The index in `after` of what gains are of: as many episodes as in training, or the most where it has none."""
        return self.adapted or len(self.after) - 1

    @property
    def file_name(self) -> str:
        name = re.sub(r"[^\w.-]+", "_", self.learner).strip("_")
        name += "" if self.simulator == "cpu" else f"_{self.simulator}"
        size = f"{len(self.tasks)}x{self.repeats}_to{self.after[-1]}"
        return f"evaluation_{self.split}_{name}_iteration{self.iteration}_{size}_seed{self.seed}.json"

    def only_after(self, wanted: set[int]) -> Evaluation:
        """The same at some of the numbers of adaptation episodes."""
        rows = [i for i, k in enumerate(self.after) if k in wanted]
        after, adapting_ms = tuple(self.after[i] for i in rows), tuple(self.adapting_ms[i] for i in rows)
        results = {name: table[rows] for name, table in self.results.items()}
        chosen = self._replace(after=after, adapting_ms=adapting_ms, results=results)
        return chosen._replace(returns=self.returns[rows], greedy=self.greedy[rows])


def labels_of(evaluations: Sequence[Evaluation]) -> list[str]:
    """What each is called beside the others: its learner, and where another has the same its run too."""
    names = [e.learner for e in evaluations]
    return [
        e.learner if names.count(e.learner) == 1 else f"{e.learner} ({e.run.rpartition('/')[2]})" for e in evaluations
    ]


class StoredEvaluation(Stored):
    """The same as JSON, with NaN as null."""

    run: Text
    learner: Text
    split: Text
    seed: Count
    repeats: Count
    iteration: Count
    env_steps: Count
    minutes: Size
    tasks: Annotated[list[dict[Text, Finite]], Field(min_length=1)]
    after: Annotated[list[Count], Field(min_length=1)]
    trained_after: Count
    returns: list[list[Finite | None]]
    greedy: list[list[Finite | None]]
    adapting_ms: list[Size]
    diverged: Annotated[float, Field(ge=0, le=1)]
    chosen: Text
    protocol: Count
    simulator: Literal["cpu", "gpu"] = "cpu"
    variant: Variant = ""
    results: dict[Text, list[list[Finite | None]]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _shapes(self) -> Self:
        for name, rows in (("returns", self.returns), ("greedy", self.greedy), *self.results.items()):
            if [len(row) for row in rows] != [len(self.tasks)] * len(self.after):
                raise ValueError(f"{name} are not of {len(self.after)} x {len(self.tasks)} numbers")
        if len(self.adapting_ms) != len(self.after):
            raise ValueError("adapting_ms are not as many as after")
        if self.after != sorted({*self.after, self.trained_after}):
            raise ValueError("after is not in order, or lacks trained_after")
        if any(task.keys() != self.tasks[0].keys() for task in self.tasks):
            raise ValueError("tasks do not have the same numbers")
        return self


def _rows(returns: NDArray[np.float64]) -> list[list[float | None]]:
    return [[None if np.isnan(x) else round(x, 3) for x in row] for row in returns.tolist()]
