"""Building blocks of small MJCF models: the floor, what stands before the robot, names, keys and the rest."""

from __future__ import annotations

from tests.envs.robots.model_parts import LEGS, Edit, Parts, both, more, outcome, setting, with_floor

WALL = '<geom name="wall" type="plane" size="5 5 .1" pos="-3 0 0" zaxis="1 0 0"/>'
FLOORS: dict[str, Edit] = {
    "plane": lambda parts: None,
    "low": both(
        setting(floor='<geom name="floor" type="plane" size="0 0 .1" pos="0 0 -1"/>'),
        lambda parts: setattr(parts, "height", parts.height - 1),
    ),
    "in_a_body": setting(floor='<body name="ground"><geom name="floor" type="plane" size="9 9 .1"/></body>'),
    "box": setting(floor='<geom name="floor" type="box" size="20 20 .5" pos="0 0 -.5"/>'),
    "height_field": both(
        setting(floor='<geom name="floor" type="hfield" hfield="hills"/>'),
        more("assets", f'<hfield name="hills" nrow="9" ncol="9" size="9 9 .05 .1" elevation="{"0 " * 81}"/>'),
    ),
    "wall_first": setting(floor=f'{WALL}<geom name="floor" type="plane" size="0 0 .1"/>'),
    "absent": both(setting(floor=""), outcome("refused", "floor")),
}

DOOR = '<body name="door" pos="0 3 1"><joint name="swing" axis="0 0 1"/><geom type="box" size=".5 .05 .9"/></body>'
BEFORE: dict[str, Edit] = {
    "nothing": lambda parts: None,
    "marker": setting(
        before='<body name="target" mocap="true" pos="2 0 1"><geom size=".1" contype="0" conaffinity="0"/></body>'
    ),
    "ball": setting(before='<body name="ball" pos="2 0 .2"><freejoint/><geom size=".2" mass="1"/></body>'),
    "table": setting(before='<body name="table" pos="0 3 .4"><geom type="box" size=".5 .5 .4"/></body>'),
    "door": setting(before=DOOR),
    "driven_door": both(
        setting(before=DOOR),
        lambda parts: parts.actuators.insert(0, '<motor name="open" joint="swing" ctrlrange="-1 1"/>'),
        outcome("refused", "root"),
    ),
}

NAMES: dict[str, Edit] = {
    "plain": lambda parts: None,
    "absent": setting(unnamed=True),
    "taken": setting(names={"trunk": "payload", "hull": "tiles", "foot0": "terrain_0"}),
}

KEYS: dict[str, Edit] = {
    "none": lambda parts: None,
    "one": lambda parts: _keys(parts, ["crouched"]),
    "home_among_others": lambda parts: _keys(parts, ["lying", "home"]),
    "none_called_home": lambda parts: _keys(parts, ["left", "right"]),
    "named_by_the_user": both(lambda parts: _keys(parts, ["left", "right"]), setting(attributes={"start": "right"})),
    "without_a_name": lambda parts: _keys(parts, [""]),
    "in_the_floor": both(lambda parts: _keys(parts, ["sunk"], -0.1), outcome("either", "floor")),
}


def _keys(parts: Parts, names: list[str], lower: float = 0.0) -> None:
    """Key poses at the height of the start: each with the hips at other angles. Only for bodies with a free joint."""
    for i, name in enumerate(names):
        hips = " ".join([str(0.1 * (i + 1))] * LEGS)
        label = f'name="{name}"' if name else ""
        parts.keys += f'<key {label} qpos="0 0 {parts.height + lower:g} 1 0 0 0 {hips}"/>'


LIMITS: dict[str, Edit] = {
    "none": lambda parts: None,
    "of_joints": lambda parts: setattr(parts, "joint", parts.joint + ' actuatorfrcrange="-3 3"'),
    "damped": lambda parts: setattr(parts, "joint", parts.joint + ' damping=".5" armature=".01" frictionloss=".05"'),
}

OPTIONS: dict[str, Edit] = {
    "stock": lambda parts: None,
    "own": setting(option='timestep="0.002" integrator="RK4" cone="elliptic" solver="CG"'),
    "weightless": setting(option='timestep="0.004" gravity="0 0 0"'),
}

CRATE = '<geom name="crate" type="box" size=".1 .1 .1" pos="3 0 .1"/>'
EXTRAS: dict[str, Edit] = {
    "none": lambda parts: None,
    "nested_defaults": setting(
        defaults='<default><geom rgba=".5 .6 .7 1"/><default class="limb"><joint damping=".3"/>'
        '<default class="paw"><geom friction="1.2 .01 .001"/></default></default></default>'
    ),
    "own_materials": both(
        setting(
            assets='<texture name="tiles" type="2d" builtin="checker" width="64" height="64" rgb1="1 0 0"/>'
            '<texture name="sky" type="skybox" builtin="gradient" width="32" height="32"/>'
            '<material name="tiles" texture="tiles" texrepeat="4 4"/>'
        ),
        with_floor('material="tiles"'),
    ),
    "lights": setting(
        lights='<light name="sun" pos="0 0 4" dir="0 0 -1" castshadow="false"/>'
        '<camera name="side" pos="0 -2 1" xyaxes="1 0 0 0 .5 1"/>'
    ),
    "replicated": setting(
        before='<replicate count="3" offset="0 .5 0"><geom name="post" size=".05" pos="3 0 .05"/></replicate>'
    ),
    "replicated_in_the_robot": setting(
        inside='<replicate count="3" euler="0 0 90"><site name="spot" pos=".1 0 .05" size=".01"/></replicate>'
    ),
    "included": both(
        setting(before='<include file="part.xml"/>'),
        setting(files={"part.xml": f"<mujocoinclude>{CRATE}</mujocoinclude>"}),
    ),
    "included_from_outside": both(setting(before='<include file="../part.xml"/>'), outcome("refused", "folder")),
    "a_closed_loop": more(
        "other", '<equality><connect body1="leg0" body2="leg1" anchor="0 -.1 -.1" solref=".1 1"/></equality>'
    ),
    "coupled_joints": more("other", '<equality><joint joint1="hip0" joint2="hip3"/></equality>'),
    "an_arm_without_motors": setting(
        inside='<body name="antenna" pos="-.1 0 .05"><joint name="sway" type="ball" stiffness="1" damping=".1"/>'
        '<geom type="capsule" fromto="0 0 0 0 0 .2" size=".01" mass=".05"/></body>'
    ),
    "sensors": more(
        "other", '<sensor><gyro site="nose"/><touch site="nose"/><framequat objtype="site" objname="nose"/></sensor>'
    ),
}
