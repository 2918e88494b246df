"""One candidate of a search: trained, given up where others did better so far, and scored at the end."""

from __future__ import annotations

import math

from rich.console import Console

from metarl.config.loggers import Metrics
from metarl.errors import DivergedError, UserError
from metarl.evaluation.evaluators import evaluator_of
from metarl.evaluation.sampling import SEARCH_SEED
from metarl.evaluation.search import Claim, Search, split_of
from metarl.runs import checkpoint
from metarl.runs.folder import Run
from metarl.training.loop import train
from metarl.training.make import make_trainer
from metarl.training.recorder import score_of

REPORTS = 20  # chosen: how often a training is compared with the others


class Watch:
    """Compares a training with those before it, at every twentieth of it: by its mean score since the last time."""

    def __init__(self, claim: Claim, iterations: int) -> None:
        self.trial, self.iterations = claim.trial, iterations
        self.count = min(REPORTS, iterations)
        known = claim.trial.study.trials[claim.trial.number].intermediate_values
        self.reported = max(known, default=0)  # by the process that began with it
        self.scores: list[float] = []
        self.has_pruned = False

    def __call__(self, metrics: Metrics) -> bool:
        """Whether training is to be given up after this iteration."""
        self.scores.append(score_of(metrics))
        done = int(metrics["iteration"])
        part = done * self.count // self.iterations
        if part <= self.reported or done == self.iterations:
            return False
        finite = [score for score in self.scores if math.isfinite(score)]
        self.scores, self.reported = [], part
        if finite:
            self.trial.report(sum(finite) / len(finite), part)
            self.has_pruned = self.trial.should_prune()
        return self.has_pruned


def run_candidate(search: Search, claim: Claim) -> str | None:
    """Train and score it; what became of it in words, None where training was stopped and saved.

    Raises UserError where the training cannot go on for another reason than its settings.
    """
    from optuna.trial import TrialState

    run, config = claim.run, claim.run.config
    watch = Watch(claim, config.train.iterations)
    try:
        finished = not run.diverged and _train(run, watch)
        score = _score(run) if finished else math.nan
    except DivergedError:
        finished, score = False, math.nan
    if watch.has_pruned or run.diverged or (finished and not math.isfinite(score)):
        search.study.tell(claim.trial, state=TrialState.PRUNED)
        return "given up" if watch.has_pruned else "diverged"
    if not finished:
        return None
    search.study.tell(claim.trial, score)
    return f"score {score:z.4g}"


def _train(run: Run, watch: Watch) -> bool:
    """From its newest checkpoint, or from the start; whether it came to its end."""
    config = run.config
    state = checkpoint.newest(run.checkpoints) if run.has_checkpoints else None
    trainer = make_trainer(config, state, saved_placement=run.saved_placement)
    if trainer.iteration >= config.train.iterations:
        return True
    run.save_placement(trainer.placement.simulator, trainer.placement.kind)
    run.keep_records_until(trainer.iteration)
    return train(run, trainer, Console(quiet=True, markup=False), gives_up=watch)


def _score(run: Run) -> float:
    """On tasks that it was not trained on, none of them from the test split."""
    evaluator = evaluator_of(run.config)
    options = evaluator.search_options(split_of(run.config), SEARCH_SEED)
    try:
        return evaluator.score(evaluator.stored_or_evaluated(run, options))
    except UserError as error:
        raise UserError(f"{run.path} could not be scored: {error}") from None
