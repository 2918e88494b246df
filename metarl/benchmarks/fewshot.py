"""Speed of few-shot learning as ratios in one run: all tasks at once against a loop over them, a learner against its
bare network."""

from __future__ import annotations

import itertools
import statistics
import time
from typing import Any, Literal

import torch
import torch.nn.functional as F
from rich.table import Table
from torch import Tensor

from agents.learner import Params, SupervisedTask
from agents.metric import Prototypical
from agents.nn.embeddings import Conv4, ConvClassifier
from agents.objectives import cross_entropy
from agents.optimization import MAML
from envs.core import Examples
from envs.fewshot import glyphs
from envs.fewshot.episodes import FewShotImages
from metarl.benchmarks.simulation import Phase
from metarl.training.build import tasks_at_once
from metarl.training.outer import Gradient
from metarl.training.trainer import usable_cores

WAY, SHOT, TASKS, RATE = 5, 1, 32, 0.4
WARM = 3  # rounds before any counts: the first fetches memory, the second a little more
DOWNS: tuple[Literal["stride", "pool"], ...] = ("stride", "pool")
Row = dict[str, Any]


def bench_fewshot(repeats: int, threads: int) -> dict[str, list[Row]]:
    """Median seconds of a training step, each way beside its rival, all interleaved.

    maml: second order, 32 tasks of 5 ways and 1 shot, by 1 and 5 inner steps, 1 and 15 queries a class, and network;
    `loop` is a loop over the tasks in Python with torch's own layers and a backward pass for each. prototypical: 1 task
    of 5 ways, 1 shot and 15 queries; `bare` is its network forwards and backwards on the same images, and `sampling`
    what drawing the episode costs.
    """
    torch.set_num_threads(threads or usable_cores())
    maml = [_maml(down, query, steps, repeats) for down, query, steps in itertools.product(DOWNS, (1, 15), (1, 5))]
    return {"maml": maml, "prototypical": [_prototypical(down, 10 * repeats) for down in DOWNS]}


def _maml(down: Literal["stride", "pool"], query: int, steps: int, repeats: int) -> Row:
    learner = MAML(ConvClassifier(Conv4(down=down), WAY), cross_entropy, cross_entropy, RATE, steps)
    theta = learner.init(torch.Generator().manual_seed(0))
    task = _lesson(query, TASKS)
    outer = Gradient(learner, theta, outer_lr=1e-3, chunk=tasks_at_once(WAY * (SHOT + query)))
    seconds = _medians(
        {
            "ours": lambda: _do(outer.step(theta, task)),
            "loop": lambda: _do(loop_over_tasks(theta, task, down, steps)),
        },
        repeats,
    )
    return {"network": down, "query": query, "steps": steps, **seconds}


def _prototypical(down: Literal["stride", "pool"], repeats: int) -> Row:
    learner = Prototypical(Conv4(down=down), WAY)
    theta = learner.init(torch.Generator().manual_seed(0))
    family, generator = _family(15), torch.Generator().manual_seed(0)
    task = _lesson(15, 1)
    images = torch.cat([task.support[0].x, task.query.x], 1)[0]
    outer = Gradient(learner, theta, outer_lr=1e-3)
    leaves = {k: v.clone().requires_grad_() for k, v in theta.items()}
    seconds = _medians(
        {
            "ours": lambda: _do(outer.step(theta, task)),
            "bare": lambda: torch.autograd.backward(embed(leaves, images, down).sum()),
            "sampling": lambda: _do(family.examples(family.sample(1, "train", generator))),
        },
        repeats,
    )
    return {"network": down, **seconds}


def _do(result: object) -> None:
    """Throw a result away."""


def _family(query: int) -> FewShotImages:
    return FewShotImages(glyphs.load(), WAY, SHOT, query)


def _lesson(query: int, tasks: int) -> SupervisedTask:
    family = _family(query)
    support, asked = family.examples(family.sample(tasks, "train", torch.Generator().manual_seed(0)))
    return SupervisedTask((support,), asked)


def embed(params: Params, x: Tensor, down: str) -> Tensor:
    """The network of `agents.nn.embeddings.Conv4` out of torch's own layers."""
    for i in range(4):
        x = F.conv2d(x, params[f"conv{i}.weight"], stride=2 if down == "stride" else 1, padding=1)
        scale, shift = params[f"conv{i}.scale"], params[f"conv{i}.shift"]
        x = F.batch_norm(x, None, None, scale, shift, training=True).relu()
        x = F.max_pool2d(x, 2) if down == "pool" else x
    return x.mean((2, 3)) if down == "stride" else x.flatten(1)


def loop_over_tasks(theta: Params, task: SupervisedTask, down: str, steps: int) -> Params:
    """The meta-gradient of MAML as it is usually programmed: task by task."""
    leaves = {k: v.clone().requires_grad_() for k, v in theta.items()}
    count = len(task.query.y)

    def loss(weights: Params, data: Examples) -> Tensor:
        z = embed(weights, data.x, down)
        return F.cross_entropy(F.linear(z, weights["last.weight"], weights["last.bias"]), data.y)

    for i in range(count):
        support, query = (Examples(*(t[i] for t in data)) for data in (task.support[0], task.query))
        weights = leaves
        for _ in range(steps):
            gradients = torch.autograd.grad(loss(weights, support), list(weights.values()), create_graph=True)
            weights = {k: v - RATE * g for (k, v), g in zip(weights.items(), gradients, strict=True)}
        (loss(weights, query) / count).backward()  # type: ignore[no-untyped-call]
    return {k: v.grad for k, v in leaves.items() if v.grad is not None}


def _medians(ways: dict[str, Phase], repeats: int) -> dict[str, float]:
    for way in [*ways.values()] * WARM:
        way()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(s) for name, s in seconds.items()}


def tables(found: dict[str, list[Row]], threads: int, repeats: int) -> list[Table]:
    """The results for reading."""
    machine = f"{threads or usable_cores()} threads, median of {repeats}"
    maml = Table(title=f"MAML, second order, {TASKS} tasks of {WAY} ways and {SHOT} shot: {machine}")
    for column in ("network", "queries a class", "inner steps", "ours, s", "loop, s", "loop/ours"):
        maml.add_column(column, justify="left" if column == "network" else "right")
    for r in found["maml"]:
        cells = (str(r["query"]), str(r["steps"]), f"{r['ours']:.3f}", f"{r['loop']:.3f}")
        maml.add_row(r["network"], *cells, f"{r['loop'] / r['ours']:.2f}")
    proto = Table(title="prototypical networks, 5 ways, 1 shot, 15 queries")
    for column in ("network", "ours, ms", "bare network, ms", "ours/bare", "sampling/ours"):
        proto.add_column(column, justify="left" if column == "network" else "right")
    for r in found["prototypical"]:
        share = f"{100 * r['sampling'] / r['ours']:.1f} %"
        proto.add_row(
            r["network"], f"{1e3 * r['ours']:.1f}", f"{1e3 * r['bare']:.1f}", f"{r['ours'] / r['bare']:.2f}", share
        )
    return [maml, proto]
