"""Off-screen rendering without a display: EGL, then OSMesa, whichever works on this machine."""

from __future__ import annotations

import functools
import os
import subprocess
import sys

from metarl.errors import UserError

BACKENDS = ("egl", "osmesa")
ADVICE = "apt-get install libegl1 libegl-mesa0 libgl1-mesa-dri libgles2 (or libosmesa6)"
_PROBE = "import mujoco; c = mujoco.GLContext(8, 8); c.make_current(); c.free()"


@functools.cache
def working() -> str | None:
    """The first backend that creates a rendering context in a process of its own; None if no backend does.

    MUJOCO_GL, where it is set, is the only backend that is tried.
    """
    chosen = os.environ.get("MUJOCO_GL")
    for backend in (chosen,) if chosen else BACKENDS:
        environment = os.environ | {"MUJOCO_GL": backend}
        probe = subprocess.run([sys.executable, "-c", _PROBE], env=environment, capture_output=True, timeout=120)
        if probe.returncode == 0:
            return backend
    return None


def choose() -> str:
    """Set the rendering backend of this process, which must not have imported mujoco yet.

    Raises UserError, with what to install, where no OpenGL library is found.
    """
    backend = working()
    if backend is None:
        raise UserError(f"videos cannot be rendered here because no OpenGL library was found: {ADVICE}")
    if os.environ.get("MUJOCO_GL") != backend and "mujoco.rendering.classic.gl_context" in sys.modules:
        raise UserError(f"mujoco was imported before a renderer was chosen: set MUJOCO_GL={backend} and start again")
    os.environ["MUJOCO_GL"] = backend
    return backend
