"""Runs an exported policy on recorded steps, without this project and, where the file is ONNX, without torch.

    python replay.py policy.onnx steps.npz actions.npy

A program of its own, which `metarl export --verify` starts. It writes the actions, and prints JSON: the milliseconds of
a step on one core, and what was imported of the modules that it has to do without.
"""

import json
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

FOREIGN = ("torch", "metarl", "agents", "envs")
GIVEN = ("obs", "last_reward", "ended", "new_task", "task")  # inputs that are recorded; the others are the policy's own
KEY = "metarl"


class Policy(NamedTuple):
    """Shapes of the inputs by name, names of the outputs, and inputs -> outputs."""

    inputs: dict[str, list[int]]
    outputs: list[str]
    step: Callable[[dict[str, Any]], list[Any]]


def load_onnx(path: str) -> Policy:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    inputs = {i.name: i.shape for i in session.get_inputs()}
    return Policy(inputs, [o.name for o in session.get_outputs()], lambda given: list(session.run(None, given)))


def load_torchscript(path: str) -> Policy:
    import torch

    torch.set_num_threads(1)
    extra = {KEY: ""}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that this format has no future
        module = torch.jit.load(path, _extra_files=extra)  # type: ignore[no-untyped-call]  # of torch
    description = json.loads(extra[KEY])
    inputs = {name: entry["shape"] for name, entry in description["inputs"].items()}

    def step(given: dict[str, Any]) -> list[Any]:
        with torch.no_grad():
            out = module(*(torch.from_numpy(given[name]) for name in inputs))
        return [part.numpy() for part in (out if isinstance(out, tuple) else (out,))]

    return Policy(inputs, description["outputs"], step)


def replay(policy: Policy, steps: dict[str, Any]) -> tuple[Any, float]:
    """The action at every recorded step, and the milliseconds that a step takes; the memory is the policy's own."""
    inputs = {name: np.zeros(shape, np.float32) for name, shape in policy.inputs.items()}
    actions, seconds = [], 0.0
    for t in range(len(steps["obs"])):
        inputs |= {name: steps[name][t : t + 1] for name in GIVEN if name in inputs}
        start = time.perf_counter()
        outputs = dict(zip(policy.outputs, policy.step(inputs), strict=True))
        seconds += time.perf_counter() - start
        actions.append(outputs["action"][0])
        inputs |= {name.removeprefix("next."): value for name, value in outputs.items() if name.startswith("next.")}
    return np.array(actions), 1e3 * seconds / len(actions)


def main(path: str, recorded: str, out: str) -> None:
    policy = load_onnx(path) if path.endswith(".onnx") else load_torchscript(path)
    actions, milliseconds = replay(policy, dict(np.load(recorded)))
    np.save(out, actions)
    print(json.dumps({"ms": milliseconds, "imported": [name for name in FOREIGN if name in sys.modules]}))


if __name__ == "__main__":
    main(*sys.argv[1:])
