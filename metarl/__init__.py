"""Meta-reinforcement learning and few-shot learning on task distributions of MuJoCo robots."""

import os
from importlib.util import find_spec
from pathlib import Path

__version__ = "0.3.0"

# Between its small operations torch's idle threads must not spin on the cores that the simulation's threads need
# (measured: a fifth of a training's time); it is read when torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

_HOME = Path(__file__).resolve().parent.parent
for _floor in ("envs", "agents"):
    _found = find_spec(_floor)
    _path = Path(_found.origin).resolve().parent if _found and _found.origin else None
    if _path != _HOME / _floor:
        raise ImportError(
            f"metarl needs its own package '{_floor}' at {_HOME / _floor}, but Python finds {_path or 'none'}: "
            "start Python elsewhere, or remove the other one from the path"
        )
