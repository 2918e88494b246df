"""What an exported file says of itself, as JSON: whoever finds it knows how to use it, and where it is from."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from metarl.deploy.agent import Agent
from metarl.deploy.controls import controls_of
from metarl.deploy.frozen import ENDED, LAST_ACTION, LAST_REWARD, MEMORY, NEW_TASK, NEXT, OBS, TASK, Frozen

FORMAT = 1  # of this description
MEANINGS = {
    OBS: "the observation, see `observations`",
    TASK: "the task, see `task_inputs`",
    LAST_ACTION: "0 at first, then next.last_action of the step before",
    LAST_REWARD: "the reward of the step before, in the units of training",
    ENDED: "1 if an episode ended with the step before, else 0",
    NEW_TASK: "1 at the first step of a task, else 0: then the memory and what was last do not count",
}


def describe(agent: Agent, policy: Frozen, task: dict[str, float] | None) -> dict[str, Any]:
    """The description of a policy; task: the one that it adapted to or was told, where it is known."""
    family, origin = agent.trained.family, agent.trained.origin._asdict()
    return {
        "format": FORMAT,
        "project": "metarl-suite",
        "version": version("metarl-suite"),
        **origin,
        "task": task,
        "adaptation_episodes": agent.episodes,
        **_clock(family),
        "observations": _observations(agent),
        "actions": _actions(agent),
        **({"task_inputs": _task_inputs(agent)} if TASK in policy.inputs else {}),
        "inputs": {k: {"shape": list(v.shape), "meaning": _meaning(k)} for k, v in policy.inputs.items()},
        "outputs": list(policy.outputs),
        "next": {name.removeprefix(NEXT): name for name in policy.outputs if name.startswith(NEXT)},
    }


def _meaning(name: str) -> str:
    return MEANINGS.get(name, f"memory: 0 at first, then next.{name} of the step before" if MEMORY in name else "")


def _clock(family: Any) -> dict[str, Any]:
    """The control rate, and how MuJoCo comes to it; only the horizon where there is no robot."""
    if not hasattr(family, "robot"):
        return {"horizon": family.horizon}
    return {
        "horizon": family.horizon,
        "robot": family.robot.__name__,
        "control_hz": round(1 / family.control_step, 6),
        "control_step_s": family.control_step,
        "physics_steps": family.physics_steps,
        "physics_step_s": float(family.model.opt.timestep),
    }


def _observations(agent: Agent) -> list[dict[str, Any]]:
    """Name, unit, scale and offset of each number: it is scale * (what is measured - offset)."""
    family: Any = agent.trained.family
    signals = [signal._asdict() for signal in (family.signals() if hasattr(family, "signals") else ())]
    known = len(signals) if len(signals) == agent.space.obs else 0
    names = getattr(family, "privileged_names", ())
    unknown = [
        names[i - agent.space.obs] if i >= agent.space.obs else f"observation {i}" for i in range(agent.observed)
    ]
    rows = [{"name": name, "unit": "", "scale": 1.0, "offset": 0.0} for name in unknown]
    return signals[:known] + rows[known:]


def _actions(agent: Agent) -> list[dict[str, Any]]:
    """Name and limits of each number, and the controls of MuJoCo at -1, 0 and 1, between which it is linear."""
    family: Any = agent.trained.family
    if agent.space.discrete:
        return [{"name": "number of the action", "low": 0, "high": agent.space.act - 1}]
    named = hasattr(family, "robot")
    names = [a.name for a in family.anatomy.actuators] if named else [f"action {i}" for i in range(agent.space.act)]
    rows: list[dict[str, Any]] = [{"name": name, "low": -1.0, "high": 1.0} for name in names]
    controls = controls_of(family)
    if controls is not None:
        for i, row in enumerate(rows):
            row["controls"] = [float(controls.low[i]), float(controls.hold[i]), float(controls.high[i])]
    return rows


def _task_inputs(agent: Agent) -> list[dict[str, Any]]:
    """Name, unit and training range of each number of the task."""
    from envs.variations.registry import VARIATIONS

    known = VARIATIONS.items()
    rows = []
    for variable in (v for v in agent.trained.family.variables if v.name in agent.task_names):
        base = variable.name.partition(":")[0]
        unit = known[base].unit if base in known else ""
        rows.append({"name": variable.name, "unit": unit, "range": [list(i) for i in variable.train]})
    return rows
