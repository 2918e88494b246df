"""The memory of an iteration, estimated from settings before anything of that size is made.

What is counted: the experience, with the copies that advantages and rounds make of it; activations that are kept for
differentiation; parameters, gradients and the optimiser's moments. Factors were measured on the CPU.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any, NamedTuple

import torch

from metarl.config.experiment import Config
from metarl.errors import UserError

COPIES = 6.5  # bytes at the peak for each byte of experience; measured on joint_robot and maml_robot
KEPT = 14.0  # floats kept for each unit and step of a network with a memory; measured on gru_point
PARAMETER_COPIES = 6  # theta, its gradient, two moments, and two copies to go back to
STEPS_PER_SECOND = 1e6  # faster than any CPU simulates and learns; chosen, so that the time is a lower bound
FLOAT, GIB = 4, 2**30
LIMITS = (  # of control groups, version 2 and 1: what they may use, what they use
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


class Estimate(NamedTuple):
    """Bytes at the peak by the settings that they come from, and environment steps of an iteration."""

    parts: dict[str, float]
    steps: float

    @property
    def total(self) -> float:
        return sum(self.parts.values())


def estimate(config: Config, space: Any, horizon: int, num_tasks: int | None = None, world: float = 0.0) -> Estimate:
    """Of an iteration on `num_tasks` tasks, by default those of the config; world: bytes of a simulated world."""
    train, rounds = config.train, getattr(config.learner, "rounds", 0) + 1
    tasks = num_tasks or train.num_tasks
    widths = [*config.policy.hidden, getattr(config.learner, "hidden", 0) or 0]
    weights = sum(a * b for a, b in itertools.pairwise([space.obs, *config.policy.hidden, space.act]))
    parts: dict[str, float] = {
        "policy.hidden": 0.0 if config.tasks.is_supervised else weights * FLOAT * PARAMETER_COPIES
    }
    if config.tasks.is_supervised:
        parts["train.num_tasks"] = float(tasks * config.tasks.pixels * FLOAT)
        return Estimate(parts, tasks)
    parts["outer.replay_size"] = 2.0 * replay_bytes(config, space)  # and a copy in a checkpoint
    steps = float(tasks * train.episodes * horizon * rounds)
    parts["train.num_tasks or train.episodes"] = steps * FLOAT * (space.obs + 3 * space.act + 6) * COPIES
    parts["train.num_tasks or train.episodes"] += float(tasks * train.episodes) * world
    differentiated = steps / getattr(config.outer, "minibatches", 1) if config.learner.predicts_value else steps / tasks
    parts["train.episodes"] = differentiated * FLOAT * sum(widths) * KEPT
    return Estimate(parts, steps)


def replay_bytes(config: Config, space: Any) -> float:
    """Of a full replay, without the parameters that an oracle is told."""
    stored = config.outer.stored_transitions(config.train.num_tasks)
    return float(stored * (2 * space.obs + space.act + 2) * FLOAT)


def replay_note(config: Config, space: Any) -> str:
    """How large a replay becomes, on a line of its own; empty without one."""
    size = replay_bytes(config, space)
    return f"\nreplay: up to {size / 2**20:,.0f} MiB of memory, and of each checkpoint" if size else ""


def check_memory(
    config: Config,
    space: Any,
    horizon: int,
    device: str = "cpu",
    num_tasks: int | None = None,
    world: float = 0.0,
) -> None:
    """Raise UserError, with the estimate, where it exceeds what is free."""
    found, free = estimate(config, space, horizon, num_tasks, world), available(device)
    if found.total <= free:
        return
    largest = max(found.parts, key=lambda name: found.parts[name])
    hours = found.steps / STEPS_PER_SECOND / 3600
    time = f" and {hours:,.0f} hours at least" if hours >= 1 else ""
    raise UserError(
        f"an iteration needs about {gib(found.total)}{time}, but {gib(free)} of memory are free on {device}: lower "
        f"{largest}"
    )


def check_tasks(count: int, repeats: int, horizon: int, space: Any, world: float = 0.0) -> None:
    """Raise UserError where an evaluation on so many tasks does not fit the memory."""
    needed = float(count) * (repeats * horizon * FLOAT * (space.obs + 3 * space.act + 6) + repeats * world + 1000)
    if needed > (free := available()):
        raise UserError(
            f"{count:,} tasks need about {gib(needed)}, but {gib(free)} of memory are free: give fewer --tasks"
        )


def available(device: str = "cpu") -> float:
    """Bytes that are free on a device; on the CPU within the limits of this process's control group."""
    if device.startswith("cuda"):
        return float(torch.cuda.mem_get_info(device)[0])
    return min([_free_of_machine(), *(free for limit in LIMITS if (free := _free_of_group(*limit)) is not None)])


def _free_of_machine() -> float:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(float(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError, IndexError):
        pass
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return float("inf")  # nothing is known


def _free_of_group(limit: str, used: str) -> float | None:
    """What is left of a limit; files that are cached count as free. None where there is no limit."""
    try:
        most, now = float(Path(limit).read_text()), float(Path(used).read_text())
        stat = Path(limit).with_name("memory.stat").read_text().splitlines()
        cached = sum(float(line.split()[1]) for line in stat if line.split()[0] in ("inactive_file", "active_file"))
    except (OSError, ValueError, IndexError):
        return None
    return max(most - now + cached, 0.0)


def gib(size: float) -> str:
    return f"{size / GIB:,.1f} GiB" if size < 1e6 * GIB else f"{size / GIB:.0e} GiB"
