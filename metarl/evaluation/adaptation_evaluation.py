"""The result of evaluating one acting learner: returns of unseen tasks by the number of adaptation episodes.

Axes: `B` numbers of adaptation episodes, `N` tasks.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

PROTOCOL = 2  # of the evaluation; stored results of another one are not used


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

    def to_json(self) -> dict[str, Any]:
        """JSON in which NaN is null and returns are rounded to three digits."""
        tables = {"returns": _rows(self.returns), "greedy": _rows(self.greedy)}
        return {**self._asdict(), **tables}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Evaluation:
        """The inverse of `to_json`. Raises ValueError, KeyError or TypeError for what another version wrote."""
        if "trials" in stored:  # its name in version 0.11
            stored = {"repeats" if k == "trials" else k: v for k, v in stored.items()}
        tables = {k: np.array(stored[k], dtype=np.float64) for k in ("returns", "greedy")}
        tuples = {k: tuple(stored[k]) for k in ("after", "adapting_ms")}
        return cls(**{**stored, **tables, **tuples})

    @property
    def adapted(self) -> int:
        """The index in `after` of the number of adaptation episodes in training."""
        return self.after.index(self.trained_after)

    @property
    def file_name(self) -> str:
        name = self.learner.replace(", ", "_").replace(" ", "_")
        name += "" if self.simulator == "cpu" else f"_{self.simulator}"
        size = f"{len(self.tasks)}x{self.repeats}_to{self.after[-1]}"
        return f"evaluation_{self.split}_{name}_iteration{self.iteration}_{size}_seed{self.seed}.json"

    def only_after(self, wanted: set[int]) -> Evaluation:
        """The same at some of the numbers of adaptation episodes."""
        rows = [i for i, k in enumerate(self.after) if k in wanted]
        after, adapting_ms = tuple(self.after[i] for i in rows), tuple(self.adapting_ms[i] for i in rows)
        return self._replace(after=after, adapting_ms=adapting_ms, returns=self.returns[rows], greedy=self.greedy[rows])


def _rows(returns: NDArray[np.float64]) -> list[list[float | None]]:
    return [[None if np.isnan(x) else round(x, 3) for x in row] for row in returns.tolist()]
