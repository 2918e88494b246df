"""What is still to be done in a study, in which order, and how much of it is done.

Every run is trained, then evaluated. Fine-tuning is selected once for all seeds of a config, in the evaluation of the
first of them; those of the others wait until it is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from metarl.config.experiment import without_seed
from metarl.evaluation.study import PlannedRun, find_run, iterations_of
from metarl.evaluation.study_evaluation import StudyEvaluation


class StudyQueue:
    """The runs of a study by their index in `planned`: those that there are, those that wait, those that diverged."""

    def __init__(self, planned: Sequence[PlannedRun], evaluation: StudyEvaluation) -> None:
        self.planned, self.evaluation = planned, evaluation
        self.runs = {i: run for i, p in enumerate(planned) if (run := find_run(p)) is not None}
        self.waiting = list(range(len(planned)))
        self.evaluated: set[int] = set()
        self.diverged: set[int] = set()
        self.seeds = [self._other_seeds(p) for p in planned]
        self.work = [(p.steps, self._evaluation_work(i)) for i, p in enumerate(planned)]

    def next(self) -> int | None:
        """The first waiting run for which something can be done now, which waits no longer; None where there is none.

        Runs for which nothing is left to do are put aside.
        """
        for i in list(self.waiting):
            if self.is_trained(i) and self.evaluation.is_done(self.runs[i]):
                self.waiting.remove(i)
                self.evaluated.add(i)
            elif not self.is_trained(i) or self._can_be_evaluated(i):
                self.waiting.remove(i)
                return i
        return None

    def is_trained(self, i: int) -> bool:
        """Up to its last iteration."""
        return i in self.runs and iterations_of(self.runs[i]) >= self.planned[i].config.train.iterations

    def put_back(self, i: int) -> None:
        """It waits for its evaluation, before others wait for their training."""
        self.waiting.insert(0, i)

    def leave_out(self, i: int) -> None:
        """Its training diverged."""
        self.diverged.add(i)
        del self.runs[i]

    def total_work(self) -> float:
        """Control steps of all trainings and evaluations."""
        return sum(map(sum, self.work))

    def work_done(self, stages: Mapping[int, float]) -> float:
        """So many of them are done; stages: how far runs are that are worked on, from 0 over 1, trained, to 2."""
        return sum(self._done(i, stages.get(i, 0.0)) for i in range(len(self.planned)))

    def _done(self, i: int, stage: float) -> float:
        training, evaluation = self.work[i]
        if i in self.evaluated or i in self.diverged:
            return training + evaluation
        iterations = iterations_of(self.runs[i]) if i in self.runs else 0
        stage = max(stage, min(iterations / self.planned[i].config.train.iterations, 1.0))
        return training * min(stage, 1.0) + evaluation * max(stage - 1.0, 0.0)

    def _other_seeds(self, planned: PlannedRun) -> list[int]:
        """All runs that differ from this one in their seed alone, itself among them."""
        same = without_seed(planned.config)
        return [i for i, other in enumerate(self.planned) if without_seed(other.config) == same]

    def _tuner(self, i: int) -> int:
        """The run on which the fine-tuning of this one is selected."""
        return next(j for j in self.seeds[i] if j not in self.diverged)

    def _can_be_evaluated(self, i: int) -> bool:
        tuner = self._tuner(i)
        alone = i == tuner or tuner in self.evaluated or not self.evaluation.tunes(self.planned[i].config)
        return alone or self.evaluation.is_tuned(self.runs[i])

    def _evaluation_work(self, i: int) -> float:
        config = self.planned[i].config
        tuning = self.evaluation.tuning_work(config) if i == self._tuner(i) else 0.0
        return self.evaluation.work(config) + tuning
