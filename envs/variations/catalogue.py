"""What can differ between tasks, and the bodies it can happen to, by name: words and limits, nothing that computes.

Nothing here imports torch or mujoco, so that a command line can list and check names at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

Kind = Literal["goal", "terrain", "dynamics"]
Element = Literal["body", "axis", "joint", "geom", "coefficient", "motor"]


class VariableSpec(NamedTuple):
    """A number that a task may fix: what it is, in which unit, and between which limits."""

    kind: Kind
    low: float
    high: float
    text: str
    per_element: Element | None = None  # the elements that may each have a value of their own, as in `mass:torso`
    whole: bool = False  # a whole number, to be given as choices


_TIMES = "times the body's own"

VARIABLE_SPECS: dict[str, VariableSpec] = {
    "direction": VariableSpec("goal", -1, 1, "run along x: forwards (1) or backwards (-1)", whole=True),
    "heading_deg": VariableSpec(
        "goal", -360, 360, "run towards this heading, degrees from +x; for bodies free in the plane"
    ),
    "velocity": VariableSpec(
        "goal", -20, 20, "run at this speed, m/s, along x or along heading_deg where that varies too"
    ),
    "goal_x": VariableSpec("goal", -100, 100, "stand at this place: x, m"),
    "goal_y": VariableSpec("goal", -100, 100, "stand at this place: y, m"),
    "goal_distance": VariableSpec("goal", 0, 100, "stand at this place: distance from the start, m"),
    "goal_heading_deg": VariableSpec("goal", -360, 360, "stand at this place: degrees from +x"),
    "slope_deg": VariableSpec("terrain", -60, 60, "an incline that rises by this angle, degrees"),
    "slope_heading_deg": VariableSpec("terrain", -360, 360, "where the incline rises towards, degrees from +x"),
    "stairs_up": VariableSpec("terrain", 0, 1, "stairs that rise all around: steps of 0.2 m times this, 0.31 m deep"),
    "stairs_down": VariableSpec("terrain", 0, 1, "stairs that fall all around: steps of 0.2 m times this, 0.31 m deep"),
    "obstacles": VariableSpec("terrain", 0, 1, "scattered blocks, up to 0.25 m times this high"),
    "gaps": VariableSpec("terrain", 0, 1, "platforms 1 m above a pit, 0.6 m times this apart"),
    "rough": VariableSpec("terrain", 0, 1, "uneven ground: bumps of up to 0.2 m times this, every 0.2 m"),
    "hills": VariableSpec("terrain", 0, 1, "rolling hills: up to 1 m times this high, some 4 m from crest to crest"),
    "layout": VariableSpec("terrain", 0, 1, "which of the random grounds of this difficulty"),
    "mass": VariableSpec("dynamics", 0.01, 100, f"mass of the bodies, {_TIMES}", "body"),
    "inertia": VariableSpec("dynamics", 0.01, 100, f"rotational inertia of the bodies, {_TIMES}", "body"),
    "inertia_axes": VariableSpec(
        "dynamics", 0.01, 100, f"the same about each principal axis on its own, {_TIMES}", "axis"
    ),
    "damping": VariableSpec("dynamics", 0, 100, f"damping of the joints, {_TIMES}", "joint"),
    "armature": VariableSpec("dynamics", 0, 100, f"rotor inertia of the joints, {_TIMES}", "joint"),
    "friction": VariableSpec("dynamics", 0.01, 100, "friction of ground and body, times their own", "geom"),
    "frictions": VariableSpec(
        "dynamics", 0.01, 100, "sliding, torsional, rolling friction on their own", "coefficient"
    ),
    "motor": VariableSpec("dynamics", 0, 10, f"strength of the motors, {_TIMES}", "motor"),
    "payload": VariableSpec("dynamics", 0, 2, "a load on the torso, times the body's whole mass"),
    "payload_x": VariableSpec("dynamics", -1, 1, "where the load sits: m ahead of the torso's origin"),
    "payload_y": VariableSpec("dynamics", -1, 1, "where the load sits: m left of the torso's origin"),
    "crippled_joint": VariableSpec("dynamics", -1, 100, "number of the motor that is dead, -1 for none", whole=True),
    "crippled_leg": VariableSpec(
        "dynamics", -1, 10, "number of the leg whose motors are dead, -1 for none", whole=True
    ),
    "delay": VariableSpec("dynamics", 0, 0.2, "time from an action to its effect, s"),
}

GOALS: tuple[frozenset[str], ...] = (  # the numbers that together are a goal; a task has exactly one
    frozenset({"direction"}),
    frozenset({"heading_deg"}),
    frozenset({"velocity"}),
    frozenset({"velocity", "heading_deg"}),
    frozenset({"goal_x", "goal_y"}),
    frozenset({"goal_distance", "goal_heading_deg"}),
)

ROBOTS: dict[str, str] = {
    "half_cheetah": "planar runner, 6 motors (HalfCheetah-v5)",
    "hopper": "planar one-legged jumper, 3 motors (Hopper-v5)",
    "walker2d": "planar biped, 6 motors (Walker2d-v5)",
    "swimmer": "three links in a viscous fluid, 2 motors (Swimmer-v5)",
    "ant": "four-legged body, 8 motors (Ant-v5 without contact forces)",
    "humanoid": "biped with arms, 17 motors (Humanoid-v5 without contact forces)",
    "quadruped": "robot dog, 12 position-controlled joints at 50 Hz",
}

CLASSIC: dict[str, str] = {
    "rllab-point": "MAML's point: goals in a square, H 100",
    "rllab-cheetah-dir": "MAML's cheetah, both ways: 0.01 s, velocity of the centre of mass, H 200",
    "rllab-cheetah-vel": "MAML's cheetah, speeds 0 to 2 m/s: -|v - goal|, H 200",
    "rllab-ant-dir": "MAML's ant, both ways: 0.02 s, 125 numbers observed, H 200",
    "rllab-ant-vel": "MAML's ant, speeds 0 to 3 m/s: 1 - |v - goal|, H 200",
    "rllab-ant-goal": "MAML's ant, places in a square of 6 m: 4 - |xy - goal|_1, H 200",
    "promp-cheetah-dir": "ProMP's cheetah, both ways: 17 numbers observed, H 100",
    "promp-cheetah-vel": "ProMP's cheetah, speeds 0 to 3 m/s, H 200",
    "promp-ant-dir": "ProMP's ant, both ways: contact forces observed, fails above 1 m and below 0, H 200",
    "promp-ant-dir-2d": "ProMP's ant, any heading, H 200",
    "promp-ant-goal": "ProMP's ant, places within 3 m, never fails, H 200",
    "promp-humanoid-dir": "ProMP's humanoid, both ways: 376 numbers observed, H 200",
    "promp-humanoid-dir-2d": "ProMP's humanoid, any heading, H 200",
    "promp-walker-dir": "ProMP's walker, both ways: 0.016 s, H 200",
    "promp-walker-vel": "ProMP's walker, speeds 0 to 10 m/s: 15 - |v - goal|, H 200",
    "promp-swimmer-vel-wrong-sign": "ProMP's swimmer as published: paid for missing its speed, H 200",
    "promp-swimmer-vel": "the same with the sign put right, H 200",
    "promp-point-corner": "ProMP's point, four corners: paid by progress only once outside the middle, H 100",
    "promp-point-corner-dense": "the same paid by the distance, H 100",
    "pearl-cheetah-dir": "PEARL's and VariBAD's cheetah, both ways: place of the torso observed, H 200",
    "pearl-cheetah-vel": "PEARL's and VariBAD's cheetah, speeds 0 to 3 m/s, H 200",
    "pearl-ant-dir": "PEARL's ant, any heading: 27 numbers observed, H 200",
    "pearl-ant-dir-two-way": "PEARL's ant, forwards and backwards, H 200",
    "pearl-ant-goal": "PEARL's and VariBAD's ant, places within 3 m: contact forces observed, never fails, H 200",
    "pearl-humanoid-dir": "PEARL's and VariBAD's humanoid, any heading, H 200",
    "pearl-walker-rand-params": "walker, each part's mass, inertia, friction times 1.5^U(-3, 3), damping 1.3^U, H 200",
    "pearl-hopper-rand-params": "hopper, each part's mass, inertia, friction times 1.5^U(-3, 3), damping 1.3^U, H 200",
    "pearl-point": "PEARL's point: start and goal in a square of 2 m, H 20",
    "pearl-point-sparse": "PEARL's point: goals on a half circle, paid within 0.2 m of them, H 20",
    "varibad-ant-dir-one-radian": "VariBAD's ant as published: the two headings are +1 and -1 radian, H 200",
    "varibad-point": "VariBAD's point: goals on a half circle, paid by the distance, H 100",
    "varibad-point-sparse": "VariBAD's point: goals on a half circle, paid within 0.2 m of them, H 100",
    "grbal-cheetah-hfield": "GrBAL's cheetah on ramps; ood: basin, hill, gentle and steep, H 1000",
    "grbal-cheetah-disabled": "GrBAL's cheetah with a dead joint; ood: the back thigh's, H 1000",
    "grbal-ant-crippled": "GrBAL's ant with a dead and shortened leg; ood: the fourth, H 1000",
}


def goal_of(names: Iterable[str]) -> frozenset[str]:
    """The goal among some variables; raises ValueError unless there is exactly one."""
    wanted = frozenset(n for n in names if n in VARIABLE_SPECS and VARIABLE_SPECS[n].kind == "goal")
    if wanted not in GOALS:
        known = "; ".join(" with ".join(sorted(g)) for g in GOALS)
        raise ValueError(f"expected exactly one goal ({known}), but got {' with '.join(sorted(wanted)) or 'none'}")
    return wanted


def base_name(name: str) -> str:
    """`mass` of `mass:torso`."""
    return name.partition(":")[0]
