"""Judging what was learned."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from metarl.cli.common import RunArg, Split, console, images_from, no_overrides, positive, within
from metarl.config import schema
from metarl.errors import UserError
from metarl.runs.folder import Run

MOST_EPISODES = 100_000  # chosen: some days


@dataclass
class Evaluate:
    """Return on unseen tasks after 0, 1, 2, 3, 5, 10, 20 episodes of adaptation; accuracy of runs on images."""

    run: RunArg
    split: Split = "test"
    """train, test (same ranges, other draws), ood (outside the ranges); of images train, validation or test"""
    tasks: int | None = None
    """how many tasks; by default 40, or 1000 few-shot ones"""
    after: tuple[int, ...] = (0, 1, 2, 3, 5, 10, 20)
    """of robots: episodes of adaptation after which it is judged; as many as in training are always among them"""
    repeats: int = 4
    """of robots: adaptations of each task, each judged on an episode of its own"""
    fine_tune: Literal["trained", "scratch"] | None = None
    """of joint training: let it go on learning in each task, from its weights or from fresh ones"""
    seed: int = 0
    """of the tasks and of the episodes"""
    simulator: Literal["auto", "cpu", "gpu"] = "cpu"
    """of robots: what simulates, whatever the run was trained on; compare takes what cpu gave"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """of robots: where networks are"""
    against: tuple[str, ...] = ()
    """other runs to put beside it on the same tasks, such as an oracle"""
    ways: tuple[int, ...] = ()
    """of few-shot runs: classes of a task; by default 5 and 20, or as many as the run's last layer has"""
    shots: tuple[int, ...] = (1, 5)
    """of few-shot runs: support drawings of a class"""
    bn: Literal["transductive", "support", "support+1", "running"] | None = None
    """of few-shot runs: which statistics normalise, by default the config's"""
    data: Path | None = None
    """of Omniglot: the packed file or its folder, by default METARL_DATA or the cache"""
    lake: bool = False
    """of few-shot runs on Omniglot: Lake's 400 one-shot trials within an alphabet, instead of --ways and --shots"""
    json: bool = False
    """print JSON instead of a table"""

    def __call__(self, overrides: dict[str, Any]) -> int:
        no_overrides(overrides)
        positive(tasks=1 if self.tasks is None else self.tasks, repeats=self.repeats)
        if 0 not in self.after or min(self.after) < 0 or max(self.after) > MOST_EPISODES:
            raise UserError(f"--after wants 0 and numbers of episodes up to {MOST_EPISODES}")
        within("seed", self.seed, 0, 2**31 - 1)
        from metarl.evaluation import evaluate
        from metarl.reporting.plots import plot_adaptation
        from metarl.runs import folder as runs
        from metarl.training.build import build_family
        from metarl.training.placement import place

        run, others = runs.find(self.run), [runs.find(other) for other in self.against]
        images_from(self.data, run.config)
        if self.lake:
            return self._on_lakes_runs([run, *others])
        if run.config.tasks.kind in schema.SUPERVISED:
            self._check_supervised()
            made_of = _data_of(run)
            if any(_data_of(other) != made_of for other in others):
                raise UserError(f"--against has runs on other tasks than {run.name}: they cannot be compared")
            evaluators = {"fewshot": self._tell_apart, "sinusoid": self._follow, "copy": self._transcribe}
            return evaluators[run.config.tasks.kind]([run, *others])
        family = build_family(run.config)
        for other in others:
            if other.config.tasks != run.config.tasks:
                raise UserError(f"{other.name} was trained on other tasks than {run.name}: they cannot be compared")
        where = place(run.config, self.simulator, self.device)
        results: list[evaluate.Evaluation] = []
        stored: list[Path] = []
        for r in (run, *others):
            with console.status(f"evaluating {r.name}"):
                fine_tuned = self.fine_tune if r is run else None
                found = evaluate.evaluate(
                    r,
                    self.split,
                    self.tasks or 40,
                    after=self.after,
                    repeats=self.repeats,
                    seed=self.seed,
                    fine_tuned=fine_tuned,
                    placement=where,
                )
                results.append(found)
            stored.append(evaluate.store(r, results[-1]))
        own, against = results[0], results[1:]
        kind = ("" if self.split == "ood" else f"_{self.split}") + ("_best" if run.best else "")
        picture = run.path / f"adaptation{kind}.png"
        plot_adaptation(family, own, against, picture)
        if self.json:
            print(json.dumps(evaluate.summary(family, own, against), indent=1))
        else:
            console.print(evaluate.table(family, own, against))
            console.print(f"wrote {stored[0]}\nwrote {picture}", soft_wrap=True)
        return 0

    def _check_supervised(self) -> None:
        if self.fine_tune is not None:
            raise UserError("--fine-tune is for robots: images are tuned to by MAML, FOMAML and Reptile")
        if self.tasks is not None and self.tasks < 2:
            raise UserError(f"--tasks is {self.tasks}, expected at least 2: one has no interval")
        if not self.shots or min(self.shots) < 1 or min(self.ways, default=2) < 2:
            raise UserError("--ways wants numbers of at least 2 classes, and --shots of at least 1 drawing")

    def _follow(self, found: list[Run]) -> int:
        from metarl.evaluation import regression as waves

        count = self.tasks or 1000
        with console.status("evaluating"):
            errors = [waves.evaluate(r, self.split, (5, 10, 20), (0, 1, 5, 10), count, self.seed) for r in found]
        if self.json:
            told = [{s: {k: e.to_json() for k, e in row.items()} for s, row in run.items()} for run in errors]
            print(json.dumps(told, indent=1))
        else:
            for run, error in zip(found, errors, strict=True):
                console.print(waves.table(run, self.split, count, error))
        return 0

    def _transcribe(self, found: list[Run]) -> int:
        from metarl.evaluation import sequences

        count = self.tasks or 1000
        with console.status("evaluating"):
            told = [
                sequences.evaluate(r, self.split, sequences.lengths_of(r.config.tasks), count, self.seed)
                for r in found
                if isinstance(r.config.tasks, schema.CopyTasks)
            ]
        if self.json:
            print(json.dumps([[row.to_json() for row in rows] for rows in told], indent=1))
        else:
            for run, rows in zip(found, told, strict=True):
                console.print(sequences.table(run, self.split, count, rows))
        return 0

    def _tell_apart(self, found: list[Run]) -> int:
        from metarl.evaluation import accuracy

        with console.status("evaluating"):
            rows = [
                accuracy.evaluate(r, self.split, self.ways, self.shots, self.tasks or 1000, self.seed, self.bn)
                for r in found
            ]
        if self.json:
            print(json.dumps([r.to_json() for r in rows], indent=1))
        else:
            console.print(accuracy.table(rows))
            if streams := [r for r in rows if r.presentations]:
                console.print(accuracy.table_of_presentations(streams))
        for r, row in zip(found, rows, strict=True):
            accuracy.store(r, row)
        return 0

    def _on_lakes_runs(self, found: list[Run]) -> int:
        from metarl.evaluation import lake as lake_runs

        if self.ways or self.shots != (1, 5) or self.tasks or self.split != "test":
            raise UserError("--lake has 400 trials of its own: leave out --ways, --shots, --tasks and --split")
        with console.status("evaluating"):
            rows = [lake_runs.evaluate(r, self.seed, self.bn) for r in found]
        if self.json:
            print(json.dumps([r.to_json() for r in rows], indent=1))
        else:
            console.print(lake_runs.table(rows))
        for r, row in zip(found, rows, strict=True):
            lake_runs.store(r, row)
        return 0


def _data_of(run: Run) -> dict[str, Any]:
    """What a supervised run's tasks are made of, without how many are shown and asked and what training makes of it."""
    return run.config.tasks.model_dump(exclude={"way", "shot", "query", "distort"})
