"""A legged robot that follows a velocity command, over terrain and dynamics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from envs.legged.defaults import COMMAND, NEUTRAL, NOISE, PUSH, WEIGHTS, Command, Push
from envs.registry import nearest
from envs.settings import Fraction, NonNegative, Number, Positive, Range, Record
from envs.task_settings import ON_THREADS, Simulation
from envs.tasks.robot_settings import RobotTaskSettings
from envs.variations.registry import VARIATIONS, base_name

if TYPE_CHECKING:
    from envs.legged.family import Legged

Steps = Annotated[int, Field(ge=0, le=50)]


class CommandSettings(Record):
    """What is commanded, in the frame of the base (`envs.legged.defaults.Command`).

    forward, sideways: ranges in m/s. turn: range in rad/s. hold: s until another command, on average. standing: share
    of commands to stand.
    """

    forward: Range = COMMAND.forward
    sideways: Range = COMMAND.sideways
    turn: Range = COMMAND.turn
    hold: Positive = COMMAND.hold
    standing: Fraction = COMMAND.standing

    @model_validator(mode="after")
    def _ranges_are_sound(self) -> Self:
        for name in ("forward", "sideways", "turn"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"command.{name} is [{low:g}, {high:g}]: the lower end comes first")
        return self


class PushSettings(Record):
    """Sudden changes of the base's velocity.

    speed: largest change along x and y, m/s; 0: never. every: s between two, on average.
    """

    speed: NonNegative = PUSH.speed
    every: Positive = PUSH.every


class Settings(RobotTaskSettings):
    """A legged robot that follows a velocity command: terrain and dynamics vary (see `metarl list variables`).

    command: what is commanded. reward: weights of reward terms (`envs.legged.rewards`), in place of the default ones.
    positive_reward: rewards below 0 are cut at 0. noise: of each channel of the sensors (`envs.legged.sensing`), in
    its unit, in place of the default ones. sensor_delay: control steps by which measurements are late. height_scan:
    who is told the ground around the robot: `none`, the `critic` (and who observes the task), or the `policy`. push:
    sudden changes of the base's velocity.
    """

    kind: Literal["legged"] = "legged"
    horizon: Annotated[int, Field(ge=1, le=1_000_000, strict=True)] = 1000
    action_scale: Positive = 1.0
    command: CommandSettings = CommandSettings()
    reward: dict[str, Number] = Field(default_factory=dict)
    positive_reward: bool = True
    noise: dict[str, NonNegative] = Field(default_factory=dict)
    sensor_delay: Steps = 0
    height_scan: Literal["none", "critic", "policy"] = "none"
    push: PushSettings = PushSettings()

    @field_validator("reward")
    @classmethod
    def _are_terms(cls, reward: dict[str, float]) -> dict[str, float]:
        if not any((WEIGHTS | reward).values()):
            raise ValueError("reward has no term with a weight other than 0: give one")
        return _known(reward, WEIGHTS, "a reward term")

    @field_validator("noise")
    @classmethod
    def _are_channels(cls, noise: dict[str, float]) -> dict[str, float]:
        return _known(noise, NOISE, "a channel of the sensors")

    @model_validator(mode="after")
    def _has_no_goal(self) -> Self:
        if goals := [name for name in self.vary if VARIATIONS[base_name(name)].kind == "goal"]:
            raise ValueError(f"{goals[0]} is a goal: robots of kind legged follow the command instead; leave it out")
        if "event_s" in self.vary and not set(self.vary) & set(NEUTRAL):
            raise ValueError(f"event_s has no effect on its own: vary one of {', '.join(NEUTRAL)} too")
        return self

    def build(self, simulation: Simulation = ON_THREADS) -> Legged:
        from envs.legged.family import Legged

        return Legged(
            self.robot,
            tuple(varied.variable(name) for name, varied in self.vary.items()),
            command=Command(**dict(self.command)),
            weights=WEIGHTS | self.reward,
            positive_reward=self.positive_reward,
            noise=NOISE | self.noise,
            sensor_delay=self.sensor_delay,
            height_scan=self.height_scan,
            push=Push(**dict(self.push)),
            physics=self.physics,
            substeps=self.substeps,
            horizon=self.horizon,
            action_scale=self.action_scale,
            **simulation.options(),
        )


def _known(given: dict[str, float], known: dict[str, float], what: str) -> dict[str, float]:
    """The same numbers. Raises ValueError for a name that is not known."""
    for name in given:
        if name not in known:
            raise ValueError(f"{name!r} is not {what}; {nearest(name, known)}")
    return given
