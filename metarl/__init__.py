"""Meta-reinforcement learning and few-shot learning on task distributions of MuJoCo robots."""

from importlib.util import find_spec
from pathlib import Path

__version__ = "0.1.0"

_HOME = Path(__file__).resolve().parent.parent
for _floor in ("envs", "agents"):
    _found = find_spec(_floor)
    _path = Path(_found.origin).resolve().parent if _found and _found.origin else None
    if _path != _HOME / _floor:
        raise ImportError(
            f"metarl needs its own package '{_floor}' at {_HOME / _floor}, but Python finds {_path or 'none'}: "
            "start Python elsewhere, or remove the other one from the path"
        )
