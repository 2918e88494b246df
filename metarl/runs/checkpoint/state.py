"""What a checkpoint holds, and its files as bytes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from safetensors.torch import save as tensor_bytes

from agents.learner import Params
from metarl.runs import stored
from metarl.runs.checkpoint.checks import check_finite, check_header, check_outer, check_theta
from metarl.runs.checkpoint_index import STATE

TENSORS = ("theta.safetensors", "outer.safetensors", "random.safetensors")
FILES = (*TENSORS, STATE)
UNREADABLE = (*stored.UNREADABLE, KeyError, TypeError, RuntimeError, SafetensorError)


class State(NamedTuple):
    """Everything that a run needs to resume bit-exactly."""

    iteration: int
    env_steps: int  # or examples, of supervised tasks
    seconds: float  # of training so far
    theta: Params
    outer: Params  # the optimiser's tensors
    generator: torch.Generator
    score: float = -math.inf  # how well training went since the checkpoint before; the best checkpoint is kept


Load = Callable[[Params | None], State]
"""Expected theta -> a state whose theta has the same names, shapes and dtypes; None where nothing is expected."""


def packed(state: State) -> dict[str, bytes]:
    """The files of a checkpoint by name; equal states give equal bytes."""
    numbers = {"iteration": state.iteration, "env_steps": state.env_steps, "seconds": state.seconds}
    if math.isfinite(state.score):
        numbers["score"] = state.score
    return {
        "theta.safetensors": tensor_bytes({k: v.cpu().contiguous() for k, v in state.theta.items()}),
        "outer.safetensors": tensor_bytes({k: v.cpu().contiguous() for k, v in state.outer.items()}),
        "random.safetensors": tensor_bytes({"generator": state.generator.get_state()}),
        STATE: json.dumps(numbers).encode(),
    }


def unpacked(files: Mapping[str, bytes], like: Params | None = None) -> State:
    """The state of which `packed` made these files.

    like: a theta with the expected names, shapes and dtypes. Raises one of UNREADABLE for files that are damaged, do
    not fit `like`, or hold NaN or infinity.
    """
    numbers = stored.parse(stored.Numbers, files[STATE])
    for name in TENSORS:
        check_header(name, files[name])
    theta, outer = (parse_tensors(files[name]) for name in TENSORS[:2])
    for name, tensors in zip(TENSORS, (theta, outer), strict=False):
        check_finite(name, tensors)
    if like is not None:
        check_theta(theta, like)
        check_outer(outer, like)
    generator = torch.Generator()
    generator.set_state(parse_tensors(files["random.safetensors"])["generator"])
    return State(
        numbers.iteration,
        numbers.env_steps,
        numbers.seconds,
        theta,
        outer,
        generator,
        -math.inf if numbers.score is None else numbers.score,
    )
