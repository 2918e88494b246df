"""The evaluator of sequence copying: wrong bits on unseen sequences, by their length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from agents.learner import Learner, Params
from agents.objectives import bits
from envs.core import Examples
from envs.fewshot.copying import Copying, count_wrong_bits
from metarl.evaluation.evaluator import Options, SupervisedEvaluator
from metarl.evaluation.progress import ignore
from metarl.evaluation.sampling import check_split, seeded
from metarl.evaluation.statistics import Estimate, mean_interval
from metarl.evaluation.stored import conform, read_result
from metarl.evaluation.text_table import TextTable
from metarl.runs import checkpoint
from metarl.runs.folder import Run
from metarl.training.make import load_trainer

FRACTIONS = (0.25, 0.5, 1, 2, 4)  # of the longest sequence in training


class CopyErrors(NamedTuple):
    """Errors on sequences of one length."""

    length: int
    repeats: int
    cost: Estimate  # cross entropy in bits a sequence
    wrong: Estimate  # wrong bits a sequence

    def to_json(self) -> dict[str, Any]:
        return {**self._asdict(), "cost": self.cost.to_json(), "wrong": self.wrong.to_json()}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> CopyErrors:
        """The inverse of `to_json`. Raises ValueError, KeyError or TypeError for what cannot be."""
        cost, wrong = (Estimate.from_json(stored[k]) for k in ("cost", "wrong"))
        return cls(conform(int, stored["length"]), conform(int, stored["repeats"]), cost, wrong)


class CopyResult(NamedTuple):
    """Errors of one run by the length of the sequence."""

    run: str
    iteration: int
    split: str
    seed: int
    num_tasks: int
    trained_length: int  # the longest in training
    bits: int  # of each vector of a sequence
    lengths: list[CopyErrors]

    def to_json(self) -> list[dict[str, Any]]:
        return [errors.to_json() for errors in self.lengths]

    @property
    def file_name(self) -> str:
        return f"sequences_{self.split}_iteration{self.iteration}_{self.num_tasks}_seed{self.seed}.json"


class SequencesEvaluator(SupervisedEvaluator[CopyResult]):
    """Evaluates copies of unseen sequences of each length, with as many repeats as the most in training."""

    @torch.no_grad()
    def evaluate(self, run: Run, options: Options, advance: Callable[[float], None] = ignore) -> CopyResult:
        trainer, tasks = load_trainer(run), self._tasks
        check_split(trainer.family, options.split)
        count, lengths = self.count(options), []
        all_lengths = lengths_of(tasks.length)
        for length in all_lengths:
            family = Copying((length, length), (1, tasks.repeats), tasks.bits)
            sampled = family.sample(count, options.split, seeded(options.seed))
            sampled.values[:, sampled.names.index("repeats")] = tasks.repeats
            cost, wrong = _errors(trainer.learner, trainer.theta, *family.examples(sampled))
            lengths.append(CopyErrors(length, tasks.repeats, cost, wrong))
            advance(length / sum(all_lengths))
        return self._result(run, options, trainer.iteration)._replace(lengths=lengths)

    def score(self, result: CopyResult) -> float:
        """The negative cross entropy of the longest sequences of training, bits."""
        return -next(errors.cost.value for errors in result.lengths if errors.length == result.trained_length)

    def find_stored(self, run: Run, options: Options) -> CopyResult | None:
        wanted = self._result(run, options, checkpoint.selected_iteration(run))

        def made(found: Any) -> CopyResult:
            result = wanted._replace(lengths=[CopyErrors.from_json(row) for row in found])
            if [row.length for row in result.lengths] != lengths_of(self._tasks.length):
                raise ValueError("its errors are of other lengths")
            return result

        return read_result(run, wanted.file_name, made)

    def tables(self, results: Sequence[CopyResult]) -> list[TextTable]:
        return [_table(result) for result in results]

    @property
    def _tasks(self) -> Any:
        return self.config.tasks

    def _result(self, run: Run, options: Options, iteration: int) -> CopyResult:
        """Without the errors."""
        length, width = self._tasks.length, self._tasks.bits
        return CopyResult(run.name, iteration, options.split, options.seed, self.count(options), length, width, [])


EVALUATOR = SequencesEvaluator


def lengths_of(longest: int) -> list[int]:
    """A quarter, a half and all of the longest sequence in training, and beyond it twice and four times."""
    return sorted({max(1, round(longest * fraction)) for fraction in FRACTIONS})


def _errors(learner: Learner[Any], theta: Params, support: Examples, query: Examples) -> tuple[Estimate, Estimate]:
    """Cross entropy in bits and wrong bits of each sequence [N, ...], the means over sequences."""

    def one_task(s: Examples, q: Examples) -> tuple[Tensor, Tensor]:
        logits = learner.apply(theta, learner.adapt(theta, learner.initial_state(theta), s), q.x)
        return bits(logits, q) * q.y.numel(), count_wrong_bits(logits, q.y)

    cost, wrong = torch.func.vmap(one_task)(support, query)
    return mean_interval(cost.double().numpy()), mean_interval(wrong.double().numpy())


def _table(result: CopyResult) -> TextTable:
    """A row for each length."""
    title = f"{result.run}: {result.num_tasks} {result.split} sequences of each length"
    headers = ["length", "copies", "bits a sequence", "wrong bits a sequence", "of"]
    rows = [
        [str(e.length), str(e.repeats), *(x.to_text(digits=3) for x in (e.cost, e.wrong)),
         str(e.length * e.repeats * result.bits)]
        for e in result.lengths
    ]  # fmt: skip
    note = "mean [95 % bootstrap interval over sequences]; one training seed"
    return TextTable(f"{title}, trained on up to {result.trained_length}", headers, rows, [note], "r")
