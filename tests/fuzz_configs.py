"""Configs with random values: refused in one sentence, or trained for an iteration with finite parameters.

    python -m tests.fuzz_configs 20000

One to three settings of every shipped config in turn, made small first, get random values. Prints how many configs were
refused and how many trained; raises AssertionError at the first that did neither.
"""

from __future__ import annotations

import collections
import copy
import random
import sys
import warnings
from typing import Any

import torch

from metarl.config import files as settings
from metarl.errors import UserError
from metarl.training.make import make_trainer
from tests.conftest import smaller

WORDS = (
    "",
    "x",
    "cpu",
    "ppo",
    "trpo",
    "gradient",
    "maml",
    "gru",
    "ant",
    "humanoid",
    "gymnasium",
    "first_order",
    "head",
)
NUMBERS = (-1, 0, 1, 2, 3, 5, 0.5, 1e-9, 0.1, 1.5, 1e30, -1e30, float("inf"), float("nan"), 2**70, "1e-3", "3")
OTHERS = (
    *(None, True, False, [], [4], [0], ["x"], [[1, 2]]),
    *({}, {"x": 1}, {"kind": "ppo"}, {"choices": [-1, 1]}, {"range": [0, 1]}),
)
MOST = 3e4  # steps times width of an iteration that is tried; chosen


def is_small(raw: Any) -> bool:
    """Whether an iteration takes only a moment."""
    train, tasks, learner = raw.train, raw.tasks, raw.learner
    sizes = [train.num_tasks, train.episodes, getattr(tasks, "horizon", None) or getattr(tasks, "pulls", 10) or 10]
    sizes += [max(raw.policy.hidden, default=1), getattr(learner, "rounds", 1) + 1, getattr(learner, "inner_steps", 1)]
    wide = [
        getattr(learner, k, 1) or 1 for k in ("hidden", "slots", "slot_size", "filters", "keys", "context", "channels")
    ]
    wide += [getattr(tasks, k, 1) or 1 for k in ("way", "shot", "query", "length", "repeats", "bits", "arms")]
    wide += [getattr(raw.outer, k, 1) or 1 for k in ("num_epochs", "cg_iterations", "line_search_steps")]
    product = 1.0
    for size in (s for s in sizes if isinstance(s, int | float)):
        product *= size
    return product < MOST and all(w <= 128 for w in wide if isinstance(w, int | float))


def paths(raw: Any, prefix: str = "") -> list[str]:
    """Every dotted key of a mapping, sections included."""
    if not isinstance(raw, dict):
        return []
    own = [f"{prefix}{k}" for k in raw]
    return own + [p for k, v in raw.items() for p in paths(v, f"{prefix}{k}.")]


def at(raw: Any, key: str) -> Any:
    for part in key.split("."):
        raw = raw[part]
    return raw


def sampled(now: Any, rng: random.Random) -> Any:
    """A random value, mostly similar to the present one."""
    if rng.random() < 0.25:
        return copy.deepcopy(rng.choice((rng.choice(WORDS), rng.choice(NUMBERS), rng.choice(OTHERS))))
    if isinstance(now, bool):
        return not now
    if isinstance(now, int):
        return rng.choice((0, 1, 2, 3, 5, now, now + 1, -now))
    if isinstance(now, float):
        return now * rng.choice((0.0, 1e-6, 0.1, 0.5, 2.0, 10.0, 1e6, 1e30, -1.0))
    return rng.choice(WORDS) if isinstance(now, str) else copy.deepcopy(rng.choice(OTHERS))


def main(count: int, seed: int = 0) -> collections.Counter[str]:
    """Try `count` configs; how many had which outcome."""
    warnings.simplefilter("ignore")
    rng, seen = random.Random(seed), collections.Counter[str]()
    names = settings.names()
    for i in range(count):
        name = names[i % len(names)]
        raw = settings.read_yaml(settings.find(name))
        keys = [k for k in paths(raw) if rng.random() < 0.1 or not isinstance(at(raw, k), dict)]
        values = {k: sampled(at(raw, k), rng) for k in rng.sample(keys, rng.randint(1, min(3, len(keys))))}
        seen[outcome(name, values)] += 1
    print(f"{count} configs: {dict(seen)}")
    return seen


def outcome(name: str, values: dict[str, Any]) -> str:
    """`refused`, `trained`, `stopped` where training diverged and said so, or `too large` to try."""
    try:
        config = settings.load(settings.find(name), {**smaller(name), **values})
        if not is_small(config):
            return "too large"
        trainer = make_trainer(config)
        trainer.iterate()
    except UserError as error:
        if "\n" in str(error) or len(str(error)) < 10:
            raise AssertionError(f"{name} {values}: {error}") from None
        return "refused" if error.exit_code == 2 else "stopped"
    except Exception as error:
        raise AssertionError(f"{name} {values}: {type(error).__name__}: {error}") from error
    if not all(v.isfinite().all() for v in trainer.theta.values()):
        raise AssertionError(f"{name} {values}: parameters are not finite")
    return "trained"


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(int(sys.argv[1]))
