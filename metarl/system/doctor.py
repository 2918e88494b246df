"""What is installed and works on this machine, and what to install where something is missing."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform

from metarl.system import rendering

CORE = (
    *("torch", "mujoco", "gymnasium", "stable-baselines3", "numpy", "scipy", "pydantic", "pyyaml"),
    *("tyro", "rich", "safetensors", "av", "matplotlib", "jinja2"),
)
GPU = "pip install -e '.[gpu]'"


def checks() -> list[tuple[str, bool, str]]:
    """Rows of (name, whether it works, what was found or what to install)."""
    rows = [("python", True, platform.python_version())]
    rows += [_package(name, "install this project again: pip install -e .") for name in CORE]
    rows.append(_threads())
    rows.append(_cuda())
    rows.append(("mujoco-warp (GPU simulation, optional)", True, _version("mujoco-warp") or f"not installed: {GPU}"))
    backend = rendering.working()
    rows.append(("rendering", backend is not None, backend or f"no OpenGL library found: {rendering.ADVICE}"))
    rows.append(_encoder())
    return rows


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _package(name: str, advice: str) -> tuple[str, bool, str]:
    version = _version(name)
    return name, version is not None, version or advice


def _threads() -> tuple[str, bool, str]:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return "cpu threads", True, f"{usable} for simulation and learning"


def _cuda() -> tuple[str, bool, str]:
    if importlib.util.find_spec("torch") is None:
        return "cuda", False, "torch is missing"
    import torch

    found = torch.cuda.get_device_name() if torch.cuda.is_available() else "none; everything runs on the CPU"
    return "cuda", True, found


def _encoder() -> tuple[str, bool, str]:
    try:
        import av

        return "H.264 encoder", "libx264" in av.codecs_available, "libx264"
    except ImportError:
        return "H.264 encoder", False, "pip install av"
