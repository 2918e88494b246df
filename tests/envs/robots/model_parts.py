"""Building blocks of small MJCF models, and what they are made of: choices of the base, the actuators and the contacts.

The other axes (floor, keys, ...) are in `model_scenes`. A choice edits the parts of a model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

LEGS = 4
Edit = Callable[["Parts"], None]


@dataclass
class Parts:
    """What a model is made of, as pieces of text; by default a legged body with a free joint on a plane.

    expected: `runs`, `refused` or `either`; says: what a refusal says, as a pattern. attributes: those of the class.
    """

    option: str = 'timestep="0.005"'
    defaults: str = ""
    assets: str = ""
    lights: str = ""
    before: str = ""  # bodies before the robot
    floor: str = '<geom name="floor" type="plane" size="0 0 .1"/>'
    base: str = "<freejoint/>"
    height: float = 0.33
    names: dict[str, str] = field(default_factory=lambda: {"trunk": "trunk", "hull": "hull", "foot0": "foot0"})
    geom: str = ""  # further attributes of the robot's geoms
    joint: str = 'range="-1.5 1.5" limited="true"'
    inside: str = ""  # more of the trunk
    tendons: str = ""
    actuators: list[str] = field(default_factory=list)
    other: str = ""  # further sections
    keys: str = ""
    files: dict[str, str] = field(default_factory=dict)
    unnamed: bool = False
    expected: str = "runs"
    says: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)

    def expect(self, expected: str, says: str = "") -> None:
        """A refusal is stronger than doubt, doubt stronger than running."""
        order = ("runs", "either", "refused")
        self.expected = max(self.expected, expected, key=order.index)
        self.says = "|".join(filter(None, (self.says, says)))


def each_joint(text: str) -> Edit:
    """An actuator on every hip; `@` stands for its number."""

    def edit(parts: Parts) -> None:
        parts.actuators += [text.replace("@", str(i)) for i in range(LEGS)]

    return edit


def setting(**values: Any) -> Edit:
    """Replaces parts."""

    def edit(parts: Parts) -> None:
        for name, value in values.items():
            setattr(parts, name, value)

    return edit


def both(*edits: Edit) -> Edit:
    """One edit after the other."""

    def edit(parts: Parts) -> None:
        for one in edits:
            one(parts)

    return edit


def more(part: str, text: str) -> Edit:
    """Appends to a part."""
    return lambda parts: setattr(parts, part, getattr(parts, part) + text)


def with_floor(attributes: str) -> Edit:
    """Further attributes of the floor."""
    return lambda parts: setattr(parts, "floor", parts.floor.replace('name="floor"', f'name="floor" {attributes}'))


def outcome(expected: str, says: str = "") -> Edit:
    """What is expected of a model with it."""
    return lambda parts: parts.expect(expected, says)


def pairs(parts: Parts) -> None:
    """Contacts of the feet with the floor, named one by one."""
    feet = [parts.names["foot0"], *(f"foot{i}" for i in range(1, LEGS))]
    inside = "".join(f'<pair geom1="{foot}" geom2="floor" friction="1 1 .01 .001 .001"/>' for foot in feet)
    parts.other += f"<contact>{inside}</contact>"


POSITION = '<position name="to@" joint="hip@" kp="40" ctrlrange="-1 1"/>'
MASKLESS = setting(geom='contype="0" conaffinity="0"')
X, Y, Z = (
    f'<joint name="root{a}" type="slide" axis="{v}"/>' for a, v in zip("xyz", ("1 0 0", "0 1 0", "0 0 1"), strict=True)
)

BASES: dict[str, Edit] = {
    "free": lambda parts: None,
    "planar": setting(base=f'{X}{Z}<joint name="pitch" axis="0 1 0"/>'),
    "slides_and_ball": setting(base=f'{X}{Y}{Z}<joint name="turn" type="ball"/>'),
    "fixed": setting(base="", height=0.8),
}

ACTUATORS: dict[str, Edit] = {
    "position": each_joint(POSITION),
    "motor": each_joint('<motor name="m@" joint="hip@" gear="5" ctrlrange="-1 1"/>'),
    "motor_without_range": each_joint('<motor joint="hip@" gear="5"/>'),
    "force_limits": each_joint('<motor name="m@" joint="hip@" gear="5" ctrlrange="-1 1" forcerange="-2 2"/>'),
    "range_of_the_joint": each_joint('<position joint="hip@" kp="40"/>'),
    "inherited_range": each_joint('<position joint="hip@" kp="40" inheritrange="1"/>'),
    "no_range": both(
        each_joint('<position name="to@" joint="hip@" kp="40"/>'), setting(joint=""), outcome("refused", "to0.*range")
    ),
    "velocity": each_joint('<velocity name="v@" joint="hip@" kv="2" ctrlrange="-3 3"/>'),
    "velocity_without_range": both(each_joint('<velocity joint="hip@" kv="2"/>'), outcome("either", "range")),
    "filtered": each_joint(
        '<general name="g@" joint="hip@" dyntype="filter" dynprm=".05" gainprm="20" biastype="affine" '
        'biasprm="0 -20 -1" ctrlrange="-1 1"/>'
    ),
    "integrated": both(
        each_joint('<intvelocity name="i@" joint="hip@" kp="30" actrange="-1 1" ctrlrange="-2 2"/>'), outcome("either")
    ),
    "damper": both(
        each_joint(POSITION), each_joint('<damper joint="hip@" kv="1" ctrlrange="0 1"/>'), outcome("either")
    ),
    "dc_motor": both(
        each_joint('<dcmotor name="d@" joint="hip@" motorconst=".1" resistance="1" ctrlrange="-6 6"/>'),
        outcome("either"),
    ),
    "muscle": each_joint('<muscle name="flex@" joint="hip@" lengthrange="-2 2" force="20" ctrlrange="0 1"/>'),
    "adhesion": both(each_joint(POSITION), each_joint('<adhesion name="glue@" body="leg@" ctrlrange="0 1" gain="3"/>')),
    "in_parent": each_joint('<motor name="m@" jointinparent="hip@" gear="5" ctrlrange="-1 1"/>'),
    "thruster_first": both(
        lambda parts: parts.actuators.append('<motor name="jet" site="nose" gear="0 0 1 0 0 0" ctrlrange="0 20"/>'),
        each_joint(POSITION),
    ),
    "slider_crank": both(
        lambda parts: parts.actuators.append(
            '<motor name="crank" cranksite="knee0" slidersite="nose" cranklength=".5" gear="5" ctrlrange="-1 1"/>'
        ),
        each_joint(POSITION),
    ),
    "opposed": both(
        each_joint('<motor name="push@" joint="hip@" gear="5" ctrlrange="0 1"/>'),
        each_joint('<motor name="pull@" joint="hip@" gear="-5" ctrlrange="0 1"/>'),
    ),
    "opposed_without_names": both(
        each_joint('<motor joint="hip@" gear="5" ctrlrange="0 1"/>'),
        each_joint('<position joint="hip@" kp="9" ctrlrange="-1 1"/>'),
    ),
    "backwards": lambda parts: parts.actuators.extend(POSITION.replace("@", str(i)) for i in (2, 0, 3, 1)),
    "crossed_names": lambda parts: parts.actuators.extend(  # each called like the next joint
        f'<motor name="hip{(i + 1) % LEGS}" joint="hip{i}" gear="5" ctrlrange="-1 1"/>' for i in range(LEGS)
    ),
    "tendon": lambda parts: _tendons(parts, ""),
    "tendon_limit": lambda parts: _tendons(parts, 'actuatorfrcrange="-3 3"'),
    "own_delay": both(
        each_joint(POSITION),
        lambda parts: parts.actuators.insert(
            0, '<motor name="late" joint="hip0" ctrlrange="-1 1" delay=".01" nsample="4"/>'
        ),
    ),
    "none": outcome("refused", "actuator"),
}


def _tendons(parts: Parts, limit: str) -> None:
    parts.tendons = "".join(
        f'<fixed name="cord{i}" {limit}><joint joint="hip{i}" coef="1"/></fixed>' for i in range(LEGS)
    )
    parts.actuators += [f'<motor name="pull{i}" tendon="cord{i}" gear="5" ctrlrange="-1 1"/>' for i in (3, 1, 0, 2)]


CONTACTS: dict[str, Edit] = {
    "masks": lambda parts: None,
    "pairs": both(MASKLESS, pairs),
    "masks_and_pairs": pairs,
    "other_masks": both(
        setting(geom='contype="4" conaffinity="2"'),
        with_floor('contype="2" conaffinity="4"'),
    ),
    "excluded": more("other", '<contact><exclude body1="leg1" body2="leg0"/></contact>'),
    "priority": with_floor('priority="2" friction=".7 .01 .001"'),
    "nothing_touches": both(MASKLESS, outcome("refused", "floor")),
}
