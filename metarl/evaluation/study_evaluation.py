"""How the runs of a study are evaluated, whether that is done, and how much work it is."""

from __future__ import annotations

from collections.abc import Sequence

from metarl.config.experiment import Config
from metarl.evaluation.adaptation import AdaptationEvaluator
from metarl.evaluation.comparison_entries import is_evaluated
from metarl.evaluation.defaults import STARTS, Baselines
from metarl.evaluation.evaluator import Options
from metarl.runs.folder import Run


class StudyEvaluation:
    """What `metarl compare` does with a run and the options `words`. Work is counted in control steps."""

    def __init__(self, words: Sequence[str], options: Options, baselines: Baselines) -> None:
        self._words, self.options, self.baselines = list(words), options, baselines
        self.evaluators: dict[str, AdaptationEvaluator] = {}  # by their tasks, which take long to build

    def is_done(self, run: Run) -> bool:
        """Whether a run has been evaluated."""
        return is_evaluated(run, self.options, STARTS[self.baselines])

    def words(self, config: Config) -> list[str]:
        """The options for such a run; a learner that is not fine-tuned has no baselines."""
        return [*self._words, "--baselines", self.baselines if self.tunes(config) else "none"]

    def is_tuned(self, run: Run) -> bool:
        """Whether all fine-tuning of a run is selected, on this one or on another seed."""
        evaluator = self._evaluator(run.config)
        return not any(evaluator.work_before(run, wanted) for wanted in self._fine_tuned(run.config))

    def tunes(self, config: Config) -> bool:
        """Whether such runs are fine-tuned."""
        return bool(self._fine_tuned(config))

    def work(self, config: Config) -> float:
        """Of the evaluation of such a run, without selecting fine-tuning."""
        wanted = (self.options, *self._fine_tuned(config))
        return sum(self._evaluator(config).work(config, options) for options in wanted)

    def tuning_work(self, config: Config) -> float:
        """Of selecting fine-tuning for such runs."""
        return sum(self._evaluator(config).selection_work(config, options) for options in self._fine_tuned(config))

    def _fine_tuned(self, config: Config) -> list[Options]:
        starts = STARTS[self.baselines] if config.learner.baseline == "joint" else ()
        return [self.options._replace(fine_tune=start) for start in starts]

    def _evaluator(self, config: Config) -> AdaptationEvaluator:
        return self.evaluators.setdefault(config.tasks.model_dump_json(), AdaptationEvaluator(config))
