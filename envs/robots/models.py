"""Editable models: the physics that they get, and how they are compiled."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import mujoco

Physics = Literal["fast", "gymnasium", "default", "pyramidal"]
FAST = {  # Newton solver, elliptic cone, implicitfast: stable, fast, and available on every backend
    "integrator": mujoco.mjtIntegrator.mjINT_IMPLICITFAST,
    "cone": mujoco.mjtCone.mjCONE_ELLIPTIC,
    "solver": mujoco.mjtSolver.mjSOL_NEWTON,
}
LONGEST_STEP = 1.0  # s of a physics step; chosen: nothing can be simulated with longer ones
SLEEP = int(mujoco.mjtEnableBit.mjENBL_SLEEP)  # bodies at rest are not simulated; batches cannot do that
DEFAULTS = {  # of MuJoCo: a model that has these did not choose them
    "integrator": mujoco.mjtIntegrator.mjINT_EULER,
    "cone": mujoco.mjtCone.mjCONE_PYRAMIDAL,
    "solver": mujoco.mjtSolver.mjSOL_NEWTON,
}


REPLACED: Mapping[str, Mapping[str, Any]] = {
    "default": DEFAULTS,
    "pyramidal": FAST | {"cone": mujoco.mjtCone.mjCONE_PYRAMIDAL, "impratio": 1.0},  # MuJoCo's default cone and ratio
}
"""The physics that replace the options of a robot's `fast` ones."""


def load(path: Path) -> mujoco.MjSpec:
    """The editable model of an MJCF file, with bodies and geoms as they stand in it. Raises ValueError for a file that
    is none.
    """
    try:
        spec = mujoco.MjSpec.from_file(str(path))
    except ValueError as error:
        raise ValueError(f"{path} is no model that MuJoCo can read: {' '.join(str(error).split())[:300]}") from None
    if not 0 < spec.option.timestep <= LONGEST_STEP:
        raise ValueError(f"{path} has a timestep of {spec.option.timestep:g} s, expected more than 0 and at most 1")
    spec.compiler.fusestatic = spec.compiler.discardvisual = False  # which renumber them
    return spec


def stamp(path: str | Path) -> tuple[int, int] | None:
    """What changes when a file does: the time of its last change in ns, and its size; None if there is none."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def compile_quietly(spec: mujoco.MjSpec) -> mujoco.MjModel:
    """Compile without MuJoCo's warnings, see `compile_noting`."""
    return compile_noting(spec)[0]


def compile_noting(spec: mujoco.MjSpec) -> tuple[mujoco.MjModel, list[str]]:
    """Compile; returns MuJoCo's warnings too, one line each, but for that of the deprecated `settotalmass`, which the
    published models use.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = spec.compile()
    said = [" ".join(str(warning.message).split())[:300] for warning in caught]
    return model, [text for text in said if "settotalmass" not in text]


def use_physics(spec: mujoco.MjSpec, options: Mapping[str, Any]) -> None:
    """Set options, such as `FAST`."""
    for name, value in options.items():
        setattr(spec.option, name, value)
    spec.option.enableflags &= ~SLEEP


def replaced_options(spec: mujoco.MjSpec) -> list[str]:
    """What a model chose and `FAST` replaces, as `integrator rk4 by implicitfast`."""
    replaced = []
    for name, value in FAST.items():
        own = getattr(spec.option, name)
        if own not in (value, DEFAULTS[name]):
            replaced.append(f"{name} {_word(name, own)} by {_word(name, value)}")
    return [*replaced, *["sleeping bodies by awake ones"] * bool(spec.option.enableflags & SLEEP)]


def _word(name: str, value: int) -> str:
    kind = type(FAST[name])
    name_of_value: str = kind(value).name
    return name_of_value.partition("_")[2].lower()


def add_sensor(spec: mujoco.MjSpec, kind: mujoco.mjtSensor, body: str) -> None:
    """Add a sensor to a body. An acceleration sensor makes MuJoCo compute contact forces (`cfrc_ext`) too."""
    spec.add_sensor(type=kind, objtype=mujoco.mjtObj.mjOBJ_BODY, objname=body)
