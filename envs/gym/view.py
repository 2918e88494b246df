"""What is seen of the worlds of an environment: images, or a window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.core import Worlds
from envs.locomotion.family import Locomotion
from envs.locomotion.scenery import Stage, Window
from envs.locomotion.worlds import LocomotionWorlds

if TYPE_CHECKING:
    from envs.named import Family

Image = NDArray[np.uint8]
WIDTH, HEIGHT = 480, 300


class View:
    """Draws worlds with render mode `mode`, None or one of `modes`; nothing is opened before it is needed.

    A point has nothing to render. Raises ValueError for another mode.
    """

    def __init__(self, family: Family, mode: str | None, modes: tuple[str, ...]) -> None:
        self.family, self.mode = family, mode
        self._is_robot = isinstance(family, Locomotion)
        self._modes = list(modes) if self._is_robot else []
        if mode not in (None, *self._modes):
            expected = " or ".join(["None", *map(repr, self._modes)])
            raise ValueError(f"render_mode is {mode!r}, expected {expected}")
        self._stage: Stage | None = None
        self._window: Window | None = None

    def metadata(self) -> dict[str, Any]:
        """Render modes and frames per second, in Gymnasium's form."""
        fps = round(1 / self.family.control_step) if isinstance(self.family, Locomotion) else 20
        return {"render_modes": self._modes, "render_fps": fps}

    def images(self, worlds: Worlds, count: int) -> tuple[Image, ...] | None:
        """With `rgb_array` an image [300, 480, 3] of each of `count` worlds, otherwise None."""
        if self.mode != "rgb_array":
            return None
        family, robots = self._robots(worlds)
        if self._stage is None:
            self._stage = _stage(family)
        stage = self._stage
        return tuple(stage.draw(*_shown(robots, i)) for i in range(count))

    def update(self, worlds: Worlds) -> None:
        """With `human` show the first world in a window."""
        if self.mode != "human":
            return
        family, robots = self._robots(worlds)
        if self._window is None:
            self._window = Window(family)
        self._window.show(*_shown(robots, 0))

    def close(self) -> None:
        """Close the renderer and the window."""
        for opened in (self._stage, self._window):
            if opened is not None:
                opened.close()
        self._stage = self._window = None

    def _robots(self, worlds: Worlds) -> tuple[Locomotion, LocomotionWorlds]:
        assert isinstance(self.family, Locomotion)  # render modes are refused for others
        assert isinstance(worlds, LocomotionWorlds)
        return self.family, worlds


def _shown(robots: LocomotionWorlds, world: int) -> tuple[mujoco.MjModel, NDArray[np.float64], dict[str, float]]:
    """The model, the pose and the task of one world."""
    return robots.sim.mujoco_view(world)[0], robots.sim.qpos[world].cpu().numpy(), robots.task_of(world)


def _stage(family: Locomotion) -> Stage:
    try:
        return Stage(family, WIDTH, HEIGHT)
    except (mujoco.FatalError, ImportError, RuntimeError) as error:
        advice = "set MUJOCO_GL=egl (or osmesa) before Python starts; `metarl doctor` says what works here"
        raise RuntimeError(f"rendering failed ({error}): {advice}") from error
