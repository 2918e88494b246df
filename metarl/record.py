"""The same unseen task before and after adaptation, side by side, as a video.

Import this before mujoco, or set MUJOCO_GL yourself: the renderer is chosen when mujoco is imported.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from metarl import gl

gl.choose()

import av
import numpy as np
import torch
from matplotlib import font_manager
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from envs.core import Policy, Tasks, Trajectories
from envs.locomotion import Locomotion, LocomotionWorlds
from envs.rollout import rollout
from envs.scenery import Stage
from metarl.collect import live
from metarl.errors import UserError
from metarl.evaluate import sample_tasks, seeded
from metarl.train import Trainer

PANEL = (640, 400)  # pixels, width and height
CAPTION = 72  # pixels, height of the caption bar
Frame = NDArray[np.uint8]


class Filmed:
    """Worlds that remember every pose."""

    def __init__(self, worlds: LocomotionWorlds) -> None:
        self.worlds = worlds
        self.poses: list[Tensor] = []  # one [W, nq] for each step

    def reset(self, generator: torch.Generator) -> Tensor:
        obs = self.worlds.reset(generator)
        self.poses = [self.worlds.sim.qpos.clone()]
        return obs

    def step(self, act: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        out = self.worlds.step(act)
        self.poses.append(self.worlds.sim.qpos.clone())
        return out


class FilmedFamily:
    """A locomotion family that keeps the poses of every round of experience."""

    def __init__(self, family: Locomotion) -> None:
        self._family = family
        self.rounds: list[Tensor] = []  # one [T + 1, W, nq] for each round

    def __getattr__(self, name: str) -> object:
        return getattr(self._family, name)

    def experience(self, tasks: Tasks, policy: Policy, episodes: int, generator: torch.Generator) -> Trajectories:
        filmed = Filmed(self._family.worlds(tasks, episodes))
        shape = (len(tasks), self._family.horizon, episodes)
        lived = rollout(filmed, policy, self._family.space, shape, generator)
        self.rounds.append(torch.stack(filmed.poses))
        return lived


class Take(NamedTuple):
    """One episode to be shown."""

    title: str
    poses: NDArray[np.float64]  # [T + 1, nq]
    rewards: NDArray[np.float64]  # [T]


def perform(trainer: Trainer, family: Locomotion, tasks: Tasks, episodes: int, rounds: int, seed: int) -> list[Take]:
    """The episode of median return before adaptation and the one after `rounds` rounds of it, for one task."""
    generator = seeded(seed)
    sample_tasks(family, 1, "train", generator)  # the stream goes on behind the draw of a task
    filmed = FilmedFamily(family)
    rounds = rounds if trainer.learner.rounds else 0
    lived = live(
        trainer.learner,
        trainer.state.theta,
        filmed,  # type: ignore[arg-type]  # it passes on every other attribute of the family
        tasks,
        episodes,
        trainer.credit,
        generator,
        rounds=rounds,
    )
    titles = {0: "before adaptation", rounds: f"after {rounds * episodes} episodes"}
    titles = titles if rounds else {0: trainer.config.learner.kind}
    return [_median_take(title, lived.trajectories[k], filmed.rounds[k]) for k, title in titles.items()]


def _median_take(title: str, lived: Trajectories, poses: Tensor) -> Take:
    returns = lived.returns[0]  # [E]
    median = int(returns.nan_to_num(-torch.inf).argsort()[len(returns) // 2])
    return Take(title, poses[:, median].numpy(), lived.rew[0, :, median].double().numpy())


def film(takes: list[Take], family: Locomotion, tasks: Tasks) -> Iterator[Frame]:
    """Frames with all takes side by side under their captions."""
    slope = float(tasks.column("slope_deg")[0]) if "slope_deg" in tasks.names else 0.0
    label = ", ".join(f"{name} {tasks.column(name)[0]:+.3g}" for name in family.descriptor_names)
    with closing(Stage(family.robot, *PANEL)) as stage:
        for t in range(len(takes[0].rewards) + 1):
            panels = []
            for take in takes:
                speed = (take.poses[t, 0] - take.poses[t - 1, 0]) / family.control_step if t else 0.0
                facts = f"return {take.rewards[:t].sum():+.0f}   x {take.poses[t, 0]:+.1f} m   {speed:+.1f} m/s"
                panels.append(np.vstack([_caption(take.title, label, facts), stage.draw(take.poses[t], slope)]))
            yield np.hstack(panels)


def _caption(title: str, task: str, facts: str) -> Frame:
    bar = Image.new("RGB", (PANEL[0], CAPTION), (24, 28, 34))
    ink = ImageDraw.Draw(bar)
    ink.text((14, 8), title, fill=(255, 255, 255), font=_font(22))
    ink.text((PANEL[0] - 14, 8), facts, fill=(255, 214, 102), font=_font(22), anchor="ra")
    ink.text((14, 42), task, fill=(170, 180, 190), font=_font(18))
    return np.asarray(bar)


def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(font_manager.findfont("DejaVu Sans"), size)


def encode(frames: Iterator[Frame], path: Path, fps: int) -> None:
    """Write H.264 in yuv420p, which every browser plays; frames are streamed, never all in memory."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream: av.VideoStream | None = None
        for frame in frames:
            if stream is None:
                stream = container.add_stream("libx264", rate=fps, options={"crf": "23", "preset": "medium"})
                stream.height, stream.width, stream.pix_fmt = frame.shape[0], frame.shape[1], "yuv420p"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        if stream is not None:
            container.mux(stream.encode())


def record(trainer: Trainer, tasks: Tasks, path: Path, *, episodes: int, rounds: int, seed: int) -> list[Take]:
    """Perform one task and write the video; returns what it shows. UserError for a family without a body."""
    family = trainer.family
    if not isinstance(family, Locomotion):
        raise UserError("this run has no body to film: record shows locomotion tasks")
    takes = perform(trainer, family, tasks, episodes, rounds, seed)
    encode(film(takes, family, tasks), path, fps=round(1 / family.control_step))
    return takes
