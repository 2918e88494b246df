"""Damaged and hostile checkpoints: each is refused in one sentence, or loads exactly as it was saved.

    python -m tests.damage 10000

Of two checkpoints the newer one is damaged; the older one must be loaded then, or the newer one exactly as it was
saved. Prints how often each kind of damage was refused and how much memory was used; raises AssertionError at the first
damaged checkpoint that is loaded.
"""

from __future__ import annotations

import collections
import logging
import random
import resource
import shutil
import sys
import tempfile
from pathlib import Path

import torch

from agents.learner import Params
from metarl.errors import UserError
from metarl.runs import checkpoint
from tests.damage_kinds import DAMAGES, state


def same(a: checkpoint.State, b: checkpoint.State) -> bool:
    tensors = all(
        x.keys() == y.keys() and all(torch.equal(v, y[k]) for k, v in x.items())
        for x, y in ((a.theta, b.theta), (a.outer, b.outer))
    )
    return tensors and a[:3] == b[:3] and torch.equal(a.generator.get_state(), b.generator.get_state())


def _load(path: Path, like: Params) -> tuple[checkpoint.State | None, str]:
    """The state in a checkpoint, or why it is refused."""
    try:
        return checkpoint.load(path, like), ""
    except UserError as error:
        return None, str(error)


def main(count: int, seed: int = 0) -> collections.Counter[str]:
    """Damage `count` checkpoints; how often each kind of damage was refused."""
    logger = logging.getLogger("metarl.runs.checkpoint")
    level = logger.level
    logger.setLevel(logging.ERROR)  # each is warned about
    rng, base = random.Random(seed), Path(tempfile.mkdtemp())
    folder, like = base / "checkpoints", state(0).theta
    older, newer = state(1), state(2)
    refused: collections.Counter[str] = collections.Counter()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        checkpoint.save(folder, older)
        for i in range(count):
            path = checkpoint.save(folder, newer)
            name = list(DAMAGES)[i % len(DAMAGES)]
            DAMAGES[name](path, rng)
            loaded, refusal = _load(path, like)
            if loaded is None:
                assert "\n" not in refusal, f"{name}: {refusal}"
                assert str(path) in refusal
                refused[name] += 1
                assert same(checkpoint.load_newest(folder, like), older), name
            else:
                assert same(loaded, newer), f"{name} was loaded"
            shutil.rmtree(path)
    finally:
        logger.setLevel(level)
        shutil.rmtree(base)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"{count} damaged, {refused.total()} refused, the others loaded as saved; {grown:.0f} MB more memory")
    print(dict(refused))
    assert grown < 100
    return refused


if __name__ == "__main__":
    main(int(sys.argv[1]))
