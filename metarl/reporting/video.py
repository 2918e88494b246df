"""Robots at their tasks as video: before and after adaptation side by side, or many tasks in a grid.

Import this before mujoco, or set MUJOCO_GL yourself: the renderer is chosen when mujoco is imported.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from metarl.system import rendering as gl

gl.choose()

import av
import mujoco
import numpy as np
import torch
from matplotlib import font_manager
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from agents.learner import Params
from envs import named as families
from envs.core import Action, Policy, TaskDistribution, Tasks, Trajectories
from envs.locomotion.family import Locomotion
from envs.locomotion.scenery import Stage
from envs.locomotion.worlds import LocomotionWorlds
from envs.rollout import rollout
from metarl.config import files as settings
from metarl.config.schema import Config
from metarl.errors import UserError, nearest
from metarl.evaluation.evaluate import complete_tasks, load_trainer, sample_tasks, seeded
from metarl.runs.folder import Run
from metarl.training.build import build_family
from metarl.training.collect import collect_rollouts
from metarl.training.policies import episodes_a_round
from metarl.training.trainer import Trainer

PANEL = (640, 400)  # pixels, width and height of one of two panels
SMALL = (400, 250)  # in a grid
MOST_NUMBERS = 4  # of a task that a caption shows
Frame = NDArray[np.uint8]


class Clip(NamedTuple):
    """One episode to be shown."""

    title: str
    task: str
    poses: NDArray[np.float64]  # [T + 1, nq]
    rewards: NDArray[np.float64]  # [T]
    world: mujoco.MjModel  # what its ground and its load look like


class RecordingWorlds:
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


class RecordingFamily:
    """A locomotion family that keeps the poses of every round of experience."""

    def __init__(self, family: Locomotion) -> None:
        self._family = family
        self.rounds: list[Tensor] = []  # one [T + 1, W, nq] for each round

    def __getattr__(self, name: str) -> object:
        return getattr(self._family, name)

    def experience(self, tasks: Tasks, policy: Policy, episodes: int, generator: torch.Generator) -> Trajectories:
        recording = RecordingWorlds(self._family.worlds(tasks, episodes))
        shape = (len(tasks), self._family.horizon, episodes)
        rollouts = rollout(recording, policy, self._family.space, shape, generator)
        self.rounds.append(torch.stack(recording.poses))
        return rollouts

    def clip(self, title: str, tasks: Tasks, rollouts: Trajectories, k: int, task: int = 0) -> Clip:
        """The episode of median return of one task in round `k`; a body that failed stays as it failed."""
        episodes = rollouts.returns.shape[1]
        median = int(rollouts.returns[task].nan_to_num(-torch.inf).argsort()[episodes // 2])
        world = task * episodes + median
        lasted = int(rollouts.alive[task, :, median].sum())
        poses = self.rounds[k][:, world].numpy().copy()
        poses[lasted + 1 :] = poses[lasted]
        rewards = rollouts.rew[task, :, median].double().numpy()
        model = self._family.worlds(tasks, episodes).sim.mujoco_view(world)[0]
        return Clip(title, describe(self._family, tasks, task), poses, rewards, model)


class RunSource:
    """Takes of a trained policy."""

    def __init__(self, trainer: Trainer, episodes: int, rounds: int) -> None:
        self.trainer, self.episodes = trainer, episodes
        self.family = _with_robot(trainer.family)
        self.rounds = rounds if trainer.learner.rounds else 0

    def clips(self, given: dict[str, float], split: str | None, count: int, grid: bool, seed: int) -> list[Clip]:
        """One task before and after adaptation, or `count` tasks after it."""
        tasks = complete_tasks(self.family, given, _split(self.family, split), seed, count)
        recording, rollouts = self._collect(tasks, seed)
        a_round = episodes_a_round(self.trainer.learner, self.episodes)
        kind, adapted = self.trainer.config.learner.kind, f"after {_episodes(self.rounds * a_round)}"
        if grid:
            title = adapted if self.rounds else kind
            return [recording.clip(title, tasks, rollouts[self.rounds], self.rounds, i) for i in range(count)]
        titles = {0: "before adaptation", self.rounds: adapted} if self.rounds else {0: kind}
        return [recording.clip(title, tasks, rollouts[k], k) for k, title in titles.items()]

    def _collect(self, tasks: Tasks, seed: int) -> tuple[RecordingFamily, tuple[Trajectories, ...]]:
        generator = seeded(seed)
        sample_tasks(self.family, len(tasks), "train", generator)  # the stream goes on behind the draw of tasks
        recording = RecordingFamily(self.family)
        rollouts = collect_rollouts(
            self.trainer.learner,
            self.trainer.state.theta,
            recording,  # type: ignore[arg-type]  # it passes on every other attribute of the family
            tasks,
            (self.episodes,) * (self.rounds + 1),
            self.trainer.advantage,
            generator,
        )
        return recording, rollouts.trajectories


class TaskSource:
    """Takes of an untrained policy."""

    def __init__(self, family: Locomotion, policy: str) -> None:
        self.family, self.policy = family, policy

    def clips(self, given: dict[str, float], split: str | None, count: int, grid: bool, seed: int) -> list[Clip]:
        """`count` tasks, an episode of each."""
        family = self.family
        tasks = complete_tasks(family, given, _split(family, split), seed, count)
        recording = RecordingFamily(family)
        rollouts = recording.experience(tasks, self._act, 1, seeded(seed))
        return [recording.clip(f"{self.policy} policy", tasks, rollouts, 0, i) for i in range(count)]

    def _act(self, obs: Tensor, generator: torch.Generator) -> Action:
        """Uniform over all actions, or none."""
        shape = (*obs.shape[:2], self.family.space.act)
        full = self.family.full_action if self.policy == "random" else 0.0
        act = full * (2 * torch.rand(shape, generator=generator) - 1)
        return Action(act, torch.zeros(shape[:2]), act, torch.zeros(shape))


class TrainingVideo:
    """Clips of one unseen task while a training goes on; they change nothing of it.

    UserError where the tasks have no body to film.
    """

    def __init__(self, folder: Path, config: Config) -> None:
        self.folder = folder
        self.source = RunSource(Trainer(config), config.train.episodes, 1)

    def film(self, iteration: int, theta: Params) -> Path:
        """Write `iteration_<n>.mp4`, whole or not at all. OSError or RuntimeError where that fails."""
        trainer = self.source.trainer
        trainer.state = trainer.state._replace(theta={k: v.cpu() for k, v in theta.items()})
        clips = self.source.clips({}, None, 1, False, trainer.config.seed)
        path = self.folder / f"iteration_{iteration:07d}.mp4"
        beside = path.with_name(f".{path.name}")
        film(clips, self.source.family, beside, len(clips))
        return beside.replace(path)


def of_run(run: Run, episodes: int | None, rounds: int) -> RunSource:
    """What a run's newest checkpoint does."""
    return RunSource(load_trainer(run), episodes or run.config.train.episodes, rounds)


def of_tasks(name: str, policy: str) -> TaskSource:
    """What tasks look like: a name of `metarl list tasks`, or a config. UserError where there are none of that name."""
    if name in families.names():
        return TaskSource(_with_robot(families.build_family(name)), policy)
    if name not in settings.names() and not name.endswith((".yaml", ".yml")):
        known = nearest(name, [*families.names(), *settings.names()])
        advice = known if known.startswith("did you mean") else "see `metarl list tasks` and `metarl list configs`"
        raise UserError(f"there are no tasks and no config named {name!r}: {advice}")
    return TaskSource(_with_robot(build_family(settings.load(settings.find(name)))), policy)


def _episodes(count: int) -> str:
    return "1 episode" if count == 1 else f"{count} episodes"


def _with_robot(family: TaskDistribution) -> Locomotion:
    if not isinstance(family, Locomotion):
        raise UserError("a point has no body to film: record shows locomotion tasks")
    return family


def _split(family: Locomotion, split: str | None) -> str:
    return split or ("ood" if "ood" in family.splits() else "test")


def describe(family: Locomotion, tasks: Tasks, task: int) -> str:
    """The numbers of a task that vary, the first few of them."""
    names = family.descriptor_names
    shown = ", ".join(f"{name} {tasks.column(name)[task]:+.3g}" for name in names[:MOST_NUMBERS])
    return shown + (f" and {len(names) - MOST_NUMBERS} more" if len(names) > MOST_NUMBERS else "")


def frames(clips: list[Clip], family: Locomotion, columns: int, steps: int | None = None) -> Iterator[Frame]:
    """Frames with all takes under their captions, `columns` in a row."""
    size = PANEL if columns <= 2 else SMALL
    last = len(clips[0].rewards) if steps is None else min(steps, len(clips[0].rewards))
    with closing(Stage(family, *size)) as stage:
        for t in range(last + 1):
            panels = [
                np.vstack([_caption(clip, t, family.control_step, size[0]), stage.draw(clip.world, clip.poses[t])])
                for clip in clips
            ]
            rows = [np.hstack(panels[i : i + columns]) for i in range(0, len(panels), columns)]
            yield np.vstack(rows)


def _caption(clip: Clip, t: int, control_step: float, width: int) -> Frame:
    """What is shown and how it goes: two lines."""
    scale = width / PANEL[0]
    speed = (clip.poses[t, 0] - clip.poses[t - 1, 0]) / control_step if t else 0.0
    facts = f"return {clip.rewards[:t].sum():+.0f}   x {clip.poses[t, 0]:+.1f} m   {speed:+.1f} m/s"
    large, small = round(22 * max(scale, 0.7)), round(18 * max(scale, 0.75))
    bar = Image.new("RGB", (width, round(72 * max(scale, 0.72)) // 2 * 2), (24, 28, 34))
    ink = ImageDraw.Draw(bar)
    ink.text((12, 6), clip.title, fill=(255, 255, 255), font=_font(large))
    ink.text((width - 12, 6), facts, fill=(255, 214, 102), font=_font(large), anchor="ra")
    ink.text((12, bar.height - 8), clip.task, fill=(170, 180, 190), font=_font(small), anchor="ls")
    return np.asarray(bar)


def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(font_manager.findfont("DejaVu Sans"), size)


def encode(pictures: Iterator[Frame], path: Path, fps: int) -> None:
    """Write H.264 in yuv420p, which every browser plays; frames are streamed, never all in memory."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream: av.VideoStream | None = None
        for frame in pictures:
            if stream is None:
                stream = container.add_stream("libx264", rate=fps, options={"crf": "23", "preset": "medium"})
                stream.height, stream.width, stream.pix_fmt = frame.shape[0], frame.shape[1], "yuv420p"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        if stream is not None:
            container.mux(stream.encode())


def film(clips: list[Clip], family: Locomotion, path: Path, columns: int, steps: int | None = None) -> None:
    """Write takes as a video in real time."""
    encode(frames(clips, family, columns, steps), path, fps=round(1 / family.control_step))
