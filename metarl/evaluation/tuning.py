"""The fine-tuning that was selected, kept with the run on which it was, for all runs that differ in their seed alone.

fine_tuning_trained_<digest>.json     of a trained policy: for runs of the same settings and iteration
fine_tuning_scratch_<digest>.json     from fresh weights: for runs with the same tasks, network and advantages
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from metarl.config.experiment import without_seed
from metarl.evaluation.defaults import Start
from metarl.evaluation.fine_tuning import STEPS, Selected, select
from metarl.evaluation.stored import read_result
from metarl.runs import checkpoint, order
from metarl.runs import folder as runs
from metarl.runs.folder import Run
from metarl.training.trainer import Trainer

log = logging.getLogger(__name__)
PROTOCOL = 2  # of the selection; what was stored by another one is not used


class Tuning(NamedTuple):
    """Where fine-tuning begins, and all that the selected rates depend on."""

    start: Start
    key: dict[str, Any]

    @property
    def file_name(self) -> str:
        digest = hashlib.sha256(json.dumps(self.key, sort_keys=True).encode()).hexdigest()[:16]
        return f"fine_tuning_{self.start}_{digest}.json"


def tuning_of(run: Run, start: Start, simulator: str) -> Tuning:
    """What a run needs to be selected; the same for its other seeds."""
    config = run.config
    key: dict[str, Any] = {"protocol": PROTOCOL, "start": start, "simulator": simulator}
    if start == "scratch":  # how its own weights were trained makes no difference
        parts = {name: getattr(config, name).model_dump(mode="json") for name in ("tasks", "policy", "advantage")}
        return Tuning(start, key | parts | {"learner": config.learner.model_dump(mode="json")})
    iteration = checkpoint.newest_iteration(run.checkpoints)  # the best one differs from seed to seed
    return Tuning(start, key | {"run": without_seed(config), "iteration": iteration, "best": run.best})


class Tunings:
    """What was selected for runs: in their folders, and in memory where these cannot be written."""

    def __init__(self) -> None:
        self.known: dict[str, Selected] = {}  # by the name of the file

    def find(self, run: Run, tuning: Tuning, after: Sequence[int]) -> Selected | None:
        """What was selected on this run, or on another one, for all these numbers of adaptation episodes."""
        wanted = {k for k in after if k}
        known = self.known.get(tuning.file_name, {})
        everywhere = (known, *(_read(other, tuning) for other in _places(run)))
        return next((selected for selected in everywhere if wanted <= selected.keys()), None)

    def select(
        self, run: Run, tuning: Tuning, after: Sequence[int], trainer: Trainer, advance: Callable[[float], None]
    ) -> Selected:
        """Select on this run, whose trainer that is, and store it there.

        A folder that cannot be written is a warning: it is selected again the next time.
        """
        selected = _read(run, tuning) | select(trainer, tuning.start, after, advance)
        selected = self.known[tuning.file_name] = dict(sorted(selected.items()))
        try:
            stored = {**tuning.key, "selected_on": run.name, "selected": selected}
            run.write(tuning.file_name, json.dumps(stored, indent=1))
        except OSError as error:
            log.warning("%s could not be stored: %s", run.path / tuning.file_name, error.strerror or error)
        return selected


def _places(run: Run) -> Iterator[Run]:
    """Its own folder and those of its other seeds, the oldest first, so that all find the same; then all runs."""
    yield from map(Run, order.runs_in(run.path.parent))
    yield from runs.every()


def _read(run: Run, tuning: Tuning) -> Selected:
    """What a run's folder holds; nothing where it cannot be read, is of something else, or names rates that none
    selects."""
    return read_result(run, tuning.file_name, lambda stored: _checked(stored, tuning)) or {}


def _checked(stored: Any, tuning: Tuning) -> Selected:
    if any(stored[k] != v for k, v in tuning.key.items()):
        raise ValueError("it is of other runs")
    selected = {int(k): (float(rate), int(count)) for k, (rate, count) in stored["selected"].items()}
    if any(steps not in STEPS for steps in selected.values()):
        raise ValueError("it holds rates that are never selected")
    return selected
