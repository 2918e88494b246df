"""Small MJCF models of different structure: the choices of `model_parts` and `model_scenes`, one at a time or drawn.

`python -m tests.envs.robots.model_generator FOLDER [COUNT] [SEED]` writes them into a folder, to be looked at.
"""

from __future__ import annotations

import json
import random
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

from tests.envs.robots import model_parts as parts
from tests.envs.robots import model_scenes as scenes
from tests.envs.robots.model_parts import LEGS, Edit, Parts

AXES: dict[str, dict[str, Edit]] = {  # in this order; the first choice is the plain one
    "base": parts.BASES,
    "floor": scenes.FLOORS,
    "before": scenes.BEFORE,
    "names": scenes.NAMES,
    "limits": scenes.LIMITS,
    "actuators": parts.ACTUATORS,
    "contacts": parts.CONTACTS,
    "keys": scenes.KEYS,
    "options": scenes.OPTIONS,
    "extras": scenes.EXTRAS,
}
WITH_PAIRS = ("pairs", "masks_and_pairs")
WITHOUT_NAMES = {  # what needs the names of other things than joints
    "contacts": (*WITH_PAIRS, "excluded"),
    "actuators": ("adhesion", "thruster_first", "slider_crank", "tendon", "tendon_limit", "backwards", "own_delay"),
    "extras": ("a_closed_loop", "own_materials", "sensors"),
    "before": ("driven_door",),
    "floor": ("height_field",),
    "keys": ("home_among_others", "none_called_home", "named_by_the_user"),
}


class Model(NamedTuple):
    """A model, and what is expected of it.

    choices: of each axis. files: names to texts, `model.xml` first. expected: `runs`, `refused`, or `either` where a
    sentence is as good. says: a pattern of what the refusal says. attributes: those of the robot's class.
    """

    choices: dict[str, str]
    files: dict[str, str]
    expected: str
    says: str
    attributes: dict[str, Any]

    @property
    def name(self) -> str:
        """The choices that are not plain."""
        return "-".join(c for axis, c in self.choices.items() if c != next(iter(AXES[axis]))) or "plain"

    def write(self, folder: Path) -> Path:
        """Write its files into a folder; returns the path of the model."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in self.files.items():
            (folder / name).write_text(text)
        return folder / "model.xml"


def one_at_a_time() -> list[Model]:
    """The plain model, and one for every other choice."""
    return [assemble({})] + [assemble({axis: c}) for axis, choices in AXES.items() for c in list(choices)[1:]]


def drawn(seed: int, count: int) -> list[Model]:
    """Models whose choices are drawn, the plain one half of the time on every axis; no two alike."""
    rng, models = random.Random(seed), dict[str, Model]()
    while len(models) < count:
        choices = {axis: rng.choice(list(some)) for axis, some in AXES.items() if rng.random() < 0.5}
        if fits(choices):
            model = assemble(choices)
            models[model.name] = model
    return list(models.values())


def fits(choices: dict[str, str]) -> bool:
    """Whether MuJoCo itself can compile a combination, and its parts do not contradict each other."""
    base, floor = choices.get("base", "free"), choices.get("floor", "plane")
    if choices.get("names") == "absent" and any(choices.get(axis) in taken for axis, taken in WITHOUT_NAMES.items()):
        return False
    keyed = choices.get("keys", "none") != "none"
    moving = (
        choices.get("before") in ("ball", "door", "driven_door") or choices.get("extras") == "an_arm_without_motors"
    )
    if keyed and (base != "free" or moving):
        return False
    if floor == "absent" and choices.get("contacts", "masks") != "masks":
        return False
    return not (choices.get("extras") == "own_materials" and floor in ("absent", "wall_first"))


def assemble(choices: dict[str, str]) -> Model:
    """The model of some choices; the plain choice on every other axis."""
    made, whole = Parts(), {axis: choices.get(axis, next(iter(some))) for axis, some in AXES.items()}
    for axis, choice in whole.items():
        AXES[axis][choice](made)
    expected, says = made.expected, made.says
    if _never_falls(whole) and re.search("floor", says):
        expected, says = "either", says
    return Model(whole, {"model.xml": _text(made)} | made.files, expected, says, made.attributes)


def _never_falls(choices: dict[str, str]) -> bool:
    return choices["base"] == "fixed" or choices["options"] == "weightless"


def _text(made: Parts) -> str:
    text = f"""<mujoco model="drawn">
  <option {made.option}/>
  {made.defaults}
  <asset>{made.assets}</asset>
  <worldbody>{made.lights}
    {made.before}
    {made.floor}
    {_robot(made)}
  </worldbody>
  <tendon>{made.tendons}</tendon>
  <actuator>{"".join(made.actuators)}</actuator>
  {made.other}
  <keyframe>{made.keys}</keyframe>
</mujoco>
"""
    if made.unnamed:
        text = re.sub(r'(<(?!joint|mujoco|hfield|fixed)\w+[^<>]*?) name="[^"]*"', r"\1", text)
    return text


def _robot(made: Parts) -> str:
    """A trunk with four legs of one hinge each."""
    named = made.names
    places = [f"{x} {y} 0" for x in (0.17, -0.17) for y in (0.1, -0.1)]
    legs = "\n      ".join(_leg(made, i, place) for i, place in enumerate(places[:LEGS]))
    return f"""<body name="{named["trunk"]}" pos="0 0 {made.height:g}">{made.base}
      <geom name="{named["hull"]}" type="box" size=".2 .1 .05" mass="4" {made.geom}/>
      <site name="nose" pos=".2 0 0"/>{made.inside}
      {legs}
    </body>"""


def _leg(made: Parts, i: int, place: str) -> str:
    foot = made.names["foot0"] if i == 0 else f"foot{i}"
    return (
        f'<body name="leg{i}" pos="{place}"><joint name="hip{i}" axis="0 1 0" {made.joint}/>'
        f'<geom name="bone{i}" type="capsule" fromto="0 0 0 0 0 -.25" size=".025" mass=".3" {made.geom}/>'
        f'<geom name="{foot}" type="sphere" pos="0 0 -.26" size=".035" mass=".05" {made.geom}/>'
        f'<site name="knee{i}" pos="0 0 -.12"/></body>'
    )


def main() -> None:
    """Write models into a folder, and `models.json` beside them."""
    folder, count, seed = Path(sys.argv[1]), *map(int, [*sys.argv[2:], 30, 0][:2])
    rows = []
    for model in {m.name: m for m in [*one_at_a_time(), *drawn(seed, count)]}.values():
        path = model.write(folder / model.name)
        row = {"file": str(path.relative_to(folder)), "name": model.name, "expected": model.expected}
        rows.append(row | {"says": model.says, "attributes": model.attributes})
    (folder / "models.json").write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
