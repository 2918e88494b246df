"""Speed of few-shot learning: all tasks at once relative to a loop over them, learners relative to bare networks."""

from __future__ import annotations

import itertools
from typing import Any, Literal

import torch
import torch.nn.functional as F
from rich.console import Group
from rich.table import Table
from torch import Tensor

from agents.learner import Params, SupervisedTask
from agents.metric.prototypical import Prototypical
from agents.nn.embeddings import Conv4, ConvClassifier
from agents.objectives import cross_entropy
from agents.optimization import MAML
from envs.core import Examples
from envs.fewshot import glyphs
from envs.fewshot.episodes import FewShotImages
from metarl.benchmarks.timing import Phase, median_seconds
from metarl.evaluation.text_table import titled
from metarl.training.outer import Gradient
from metarl.training.outers.gradient import tasks_at_once
from metarl.training.placement import usable_cores

WAY, SHOT, TASKS, RATE = 5, 1, 32, 0.4
WARM_UPS = 3  # rounds that are not measured: the first allocates memory, the second a little more
Down = Literal["stride", "pool"]
DOWNS: tuple[Down, ...] = ("stride", "pool")
Row = dict[str, Any]


def bench_fewshot(repeats: int, threads: int) -> dict[str, list[Row]]:
    """Median seconds of a training step and of its alternatives, all interleaved.

    maml: second order, 32 tasks of 5 ways and 1 shot, by 1 and 5 inner steps, 1 and 15 queries a class, and network;
    `loop` is a loop over the tasks in Python with torch's own layers and a backward pass for each. prototypical: 1 task
    of 5 ways, 1 shot and 15 queries; `bare` is a forward and backward pass of its network on the same images, and
    `sampling` is drawing the episode.
    """
    torch.set_num_threads(threads or usable_cores())
    maml = [_maml(down, query, steps, repeats) for down, query, steps in itertools.product(DOWNS, (1, 15), (1, 5))]
    return {"maml": maml, "prototypical": [_prototypical(down, 10 * repeats) for down in DOWNS]}


def _maml(down: Down, query: int, steps: int, repeats: int) -> Row:
    learner = MAML(ConvClassifier(Conv4(down=down), WAY), cross_entropy, cross_entropy, RATE, steps)
    theta = learner.init(torch.Generator().manual_seed(0))
    task = _supervised_task(query, TASKS)
    outer = Gradient(learner, theta, outer_lr=1e-3, chunk=tasks_at_once(WAY * (SHOT + query) * 28**2))
    seconds = _medians(
        {
            "ours": lambda: outer.step(task),
            "loop": lambda: loop_over_tasks(theta, task, down, steps),
        },
        repeats,
    )
    return {"network": down, "query": query, "steps": steps, **seconds}


def _prototypical(down: Down, repeats: int) -> Row:
    learner = Prototypical(Conv4(down=down), WAY)
    theta = learner.init(torch.Generator().manual_seed(0))
    family, generator = _family(15), torch.Generator().manual_seed(0)
    task = _supervised_task(15, 1)
    images = torch.cat([task.support[0].x, task.query.x], 1)[0]
    outer = Gradient(learner, theta, outer_lr=1e-3)
    leaves = {k: v.clone().requires_grad_() for k, v in theta.items()}
    seconds = _medians(
        {
            "ours": lambda: outer.step(task),
            "bare": lambda: torch.autograd.backward(embed(leaves, images, down).sum()),
            "sampling": lambda: family.examples(family.sample(1, "train", generator)),
        },
        repeats,
    )
    return {"network": down, **seconds}


def _family(query: int) -> FewShotImages:
    return FewShotImages(glyphs.load(), WAY, SHOT, query)


def _supervised_task(query: int, tasks: int) -> SupervisedTask:
    family = _family(query)
    support, query_set = family.examples(family.sample(tasks, "train", torch.Generator().manual_seed(0)))
    return SupervisedTask((support,), query_set)


def embed(params: Params, x: Tensor, down: str) -> Tensor:
    """The network of `agents.nn.embeddings.Conv4` from torch's own layers: images [B, 1, 28, 28] -> [B, D]."""
    for i in range(4):
        x = F.conv2d(x, params[f"conv{i}.weight"], stride=2 if down == "stride" else 1, padding=1)
        scale, shift = params[f"conv{i}.scale"], params[f"conv{i}.shift"]
        x = F.batch_norm(x, None, None, scale, shift, training=True).relu()
        x = F.max_pool2d(x, 2) if down == "pool" else x
    return x.mean((2, 3)) if down == "stride" else x.flatten(1)


def loop_over_tasks(theta: Params, task: SupervisedTask, down: str, steps: int) -> Params:
    """The meta-gradient of MAML as it is usually programmed, task by task; `theta` is that of `ConvClassifier`."""
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


def _medians(phases: dict[str, Phase], repeats: int) -> dict[str, float]:
    for phase in [*phases.values()] * WARM_UPS:
        phase()
    return median_seconds(phases, repeats)


def tables(found: dict[str, list[Row]], threads: int, repeats: int) -> list[Group]:
    """The results as tables for a terminal."""
    machine = f"{threads or usable_cores()} threads, median of {repeats}"
    maml = Table()
    for column in ("network", "queries a class", "inner steps", "ours, s", "loop, s", "loop/ours"):
        maml.add_column(column, justify="left" if column == "network" else "right")
    for r in found["maml"]:
        cells = (str(r["query"]), str(r["steps"]), f"{r['ours']:.3f}", f"{r['loop']:.3f}")
        maml.add_row(r["network"], *cells, f"{r['loop'] / r['ours']:.2f}")
    proto = Table()
    for column in ("network", "ours, ms", "bare network, ms", "ours/bare", "sampling/ours"):
        proto.add_column(column, justify="left" if column == "network" else "right")
    for r in found["prototypical"]:
        share = f"{100 * r['sampling'] / r['ours']:.1f} %"
        proto.add_row(
            r["network"], f"{1e3 * r['ours']:.1f}", f"{1e3 * r['bare']:.1f}", f"{r['ours'] / r['bare']:.2f}", share
        )
    title = f"MAML, second order, {TASKS} tasks of {WAY} ways and {SHOT} shot: {machine}"
    return [titled(maml, title), titled(proto, "prototypical networks, 5 ways, 1 shot, 15 queries")]
