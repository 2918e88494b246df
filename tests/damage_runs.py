"""Damaged and hostile run folders: every command says one sentence or does its work, and touches nothing outside.

    python -m tests.damage_runs 2000

Each folder has one to three damages of `tests.damage_run_kinds`, and two commands are given it, within five seconds
each. Runs beside it and a tree outside must be as they were, to the byte and to their times, and runs beside it must be
usable. Prints how many commands were refused and how many did their work; raises AssertionError at the first that did
neither.
"""

from __future__ import annotations

import collections
import logging
import os
import random
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from metarl.config import files as settings
from metarl.reporting.plots import figures
from metarl.runs import folder as runs
from tests import commands
from tests.conftest import OWN, SMALL
from tests.damage_run_kinds import DAMAGES

CONFIGS: dict[str, dict[str, Any]] = {
    "maml_point": {"tasks.horizon": 4, "policy.hidden": [4], "train.num_tasks": 2},
    "maml_sinusoid": OWN["sinusoid"],
    "prototypical_omniglot": OWN["fewshot"] | {"learner.bn": "transductive"},
}
FEW = {
    "maml_point": ["--tasks", "2", "--after", "0", "1", "--repeats", "1"],
    "maml_sinusoid": ["--tasks", "2"],
    "prototypical_omniglot": ["--tasks", "2", "--ways", "3", "--shots", "1"],
}


def make_runs(names: Iterable[str] = CONFIGS) -> None:
    """Two runs of each config, evaluated, with an iteration left to train; the second of each is the neighbour."""
    for name in names:
        own = CONFIGS[name]
        options = SMALL | own | {"train.iterations": 3, "train.checkpoint_every": 1}
        config = settings.load(settings.find(name), options)
        for seed in (0, 1):
            commands.run(["train", name, *_as_words(options), "--seed", str(seed)]).check()
            run = runs.find(name)
            run.write(
                "config.yaml",
                settings.dump(config.model_copy(update={"seed": seed})).replace("iterations: 3", "iterations: 4"),
            )
            commands.run(["evaluate", str(run.path), *FEW[name]]).check()


def _as_words(options: dict[str, Any]) -> list[str]:
    return [word for key, value in options.items() for word in (f"--{key}", str(value))]


def make_outside(outside: Path, run: Path) -> None:
    """What links in a hostile run may lead to: files of every name, and another run."""
    shutil.copytree(run, outside / "run")
    shutil.copytree(run / "checkpoints", outside / "checkpoints")
    for name in ("lock", "metrics.jsonl", "adaptation_test.png", "thesis.txt", "log.txt", "state.json", "config.yaml"):
        (outside / name).write_text("precious\n" * 30)
    (outside / "skipped").mkdir()
    (outside / "videos").mkdir()
    (outside / "videos" / "iteration_0000001.mp4").write_text("film")


def words_of(name: str, run: str, rng: random.Random, out: Path) -> list[str]:
    """A command on a run."""
    few = FEW[name]
    choices = [
        ["resume", run],
        ["evaluate", run, *few],
        ["evaluate", f"{run}@best", *few],
        ["compare", run, *few, *(["--baselines", "none"] if name == "maml_point" else [])],
        ["plot", run, "--out", str(out / "plot.png")],
        ["record", run, "--out", str(out / "record.png")],
        ["analyse", "gradients", run, "--tasks", "2", "--alphas", "0.1", "0.01", "--out", str(out / "analysis.png")],
        ["list", "runs"],
    ]
    if name == "maml_sinusoid":  # which compare refuses
        choices.pop(3)
    return rng.choice(choices)


def check_neighbours(name: str, damaged: Path, rng: random.Random, out: Path) -> None:
    """The runs beside a damaged one are listed, found and usable."""
    listed = commands.run(["list", "runs"])
    listed.check()
    others = [p for p in sorted(Path("runs").glob("*/*")) if p != damaged]
    assert all(f"{p.parent.name}/{p.name}" in listed.out for p in others), listed
    for words in (
        ["plot", name, str(others[0]), "--out", str(out / "all.png")],
        ["evaluate", str(others[0]), *FEW[others[0].parent.name]],
    ):
        if rng.random() < 0.05:
            copied = commands.snapshot(others[0])
            outcome = commands.run(words)
            outcome.check()
            assert outcome.code == 0 or words[0] == "plot", outcome
            assert words[0] == "evaluate" or not commands.changes(copied, commands.snapshot(others[0]))


def main(count: int, seed: int = 0, names: Sequence[str] = tuple(CONFIGS)) -> collections.Counter[str]:
    """Damage so many run folders; how each command ended."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)  # each damage is warned about
    here, base = os.getcwd(), Path(tempfile.mkdtemp())
    ended: collections.Counter[str] = collections.Counter()
    slowest = (0.0, "")
    sharp, figures.DPI = figures.DPI, 20  # pictures are made quickly, and not looked at
    try:
        os.chdir(_prepared(base, names))
        whole = {name: runs.find(name).path.parent for name in names}
        originals = {name: sorted(folder.iterdir())[0] for name, folder in whole.items()}
        shutil.copytree("runs", base / "kept", symlinks=True)
        for i in range(count):
            rng = random.Random(f"{seed} {i}")
            name = rng.choice(names)
            damaged = originals[name]
            kinds = [list(DAMAGES)[i % len(DAMAGES)], *rng.choices(list(DAMAGES), k=rng.choice((0, 0, 1, 2)))]
            for kind in sorted(set(kinds), key=lambda kind: kind == "run_as_link"):
                DAMAGES[kind](damaged, base / "outside", rng)
            before = [commands.snapshot(folder) for folder in _around(base, damaged)]
            done = ""
            try:
                for _ in range(2):
                    outcome = commands.run(words_of(name, str(damaged), rng, base / "out"))
                    done += f"{outcome.words} "
                    outcome.check()
                    ended[f"{outcome.words[0]} {'did its work' if outcome.code == 0 else 'refused'}"] += 1
                    slowest = max(slowest, (outcome.seconds, done))
                after = [commands.snapshot(folder) for folder in _around(base, damaged)]
                changed = [c for b, a in zip(before, after, strict=True) for c in commands.changes(b, a)]
                assert not changed, changed
                check_neighbours(name, damaged, rng, base / "out")
            except BaseException:
                print(f"folder {i}, {name}, damages {kinds}, commands {done}", file=sys.stderr)
                raise
            _restore(base, damaged)
            if i % 100 == 99:
                print(f"{i + 1} of {count}", file=sys.stderr, flush=True)
    finally:
        figures.DPI = sharp
        logging.disable(logging.NOTSET)
        os.chdir(here)
        shutil.rmtree(base)
    print(f"{count} damaged run folders, {ended.total()} commands: a sentence or the work, nothing outside touched")
    print(f"the slowest took {slowest[0]:.1f} s of processor time: {slowest[1]}")
    print(dict(sorted(ended.items())))
    return ended


def _prepared(base: Path, names: Sequence[str]) -> Path:
    for name in ("work", "out"):
        (base / name).mkdir()
    os.chdir(base / "work")
    make_runs(names)
    (base / "outside").mkdir()
    make_outside(base / "outside", runs.find("maml_point").path)
    return base / "work"


def _around(base: Path, damaged: Path) -> list[Path]:
    """What no command on a damaged run may touch."""
    return [base / "outside", *(p for p in sorted(Path("runs").glob("*/*")) if p != damaged)]


def _restore(base: Path, damaged: Path) -> None:
    if damaged.is_symlink():
        damaged.unlink()
    else:
        shutil.rmtree(damaged)
    shutil.copytree(base / "kept" / damaged.parent.name / damaged.name, damaged, symlinks=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), *map(int, sys.argv[2:]))
