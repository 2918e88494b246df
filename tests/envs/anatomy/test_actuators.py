"""Actuators of every kind: named once, and scaled exactly."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
import pytest
import torch

from envs.core import Task
from envs.locomotion.physics import apply
from envs.robots.robot import Robot
from envs.simulation import BatchSimulator
from envs.simulation.params import Params
from tests.envs.anatomy.dogs import LEGS, SERVOS, dog, family_of, robot_of, stood

TENDONS = "".join(f'<fixed name="pull_{leg}"><joint joint="hip_{leg}" coef="1"/></fixed>' for leg in reversed(LEGS))
SITE = '<body name="box" pos="0 0 .31"><freejoint/><site name="push"/><geom size=".1"/></body>'
KINDS = {
    "motors": "".join(f'<motor joint="hip_{leg}" gear="3" ctrlrange="-1 1"/>' for leg in LEGS),
    "servos": "".join(f'<position joint="hip_{leg}" kp="30" kv="1" ctrlrange="-1 1"/>' for leg in LEGS),
    "speeds": "".join(f'<velocity joint="hip_{leg}" kv="3" ctrlrange="-1 1"/>' for leg in LEGS),
    "muscles": "".join(f'<muscle joint="hip_{leg}" force="20" range=".7 1.1" lengthrange="-1.4 1.4"/>' for leg in LEGS),
    "scaled muscles": "".join(f'<muscle joint="hip_{leg}" scale="5" lengthrange="-1.4 1.4"/>' for leg in LEGS),
    "tendons": "".join(f'<position tendon="pull_{leg}" kp="40" ctrlrange="-1 1"/>' for leg in LEGS),
    "filtered": "".join(
        f'<general joint="hip_{leg}" dyntype="filter" dynprm=".05" gainprm="8" ctrlrange="-1 1"/>' for leg in LEGS
    ),
    "integrated": "".join(f'<intvelocity joint="hip_{leg}" kp="30" actrange="-1 1" ctrlrange="-1 1"/>' for leg in LEGS),
    "motors with a muscle's passive force": "".join(
        f'<general joint="hip_{leg}" biastype="muscle" biasprm=".75 1.05 30 200 .5 1.6 1.5 1.3 1.2" '
        'lengthrange="-.4 .2" ctrlrange="-1 1"/>'
        for leg in LEGS
    ),
    "never without force": "".join(
        f'<motor joint="hip_{leg}" ctrlrange="-1 1" gear="3" forcerange=".1 .4"/>' for leg in LEGS
    ),
    "adhesion": "".join(f'<adhesion body="leg_{leg}" gain="20" ctrlrange="0 1"/>' for leg in LEGS),
}


def robot_with(folder: Path, kind: str, **attributes: str) -> type[Robot]:
    return robot_of(folder, dog(actuators=KINDS[kind], extra=f"<tendon>{TENDONS}</tendon>"), **attributes)


def forces(robot: type[Robot], **factors: float) -> torch.Tensor:
    """The force of every motor in a pose in motion, for the same controls, with some factors, [nu]."""
    own = robot.understood()
    sim = BatchSimulator(own.model, 1, 1)
    params = Params(own.model, 1, own.anatomy)
    task: Task = {name: torch.tensor([value]).double() for name, value in factors.items()}
    apply(params, task, robot)
    sim.set_params(params)
    sim.reset()
    model, data = sim.mujoco_view(0)
    data.qpos[2], data.qpos[7:] = 0.29, 0.2
    data.qvel[:] = 0.3
    data.ctrl[:] = own.limits[:, 0] * 0.2 + own.limits[:, 1] * 0.8
    if model.na:
        data.act[:] = 0.4
    mujoco.mj_forward(model, data)
    return torch.from_numpy(data.actuator_force.copy())


@pytest.mark.parametrize("kind", KINDS)
def test_a_factor_scales_the_force_of_exactly_one_motor(tmp_path: Path, kind: str) -> None:
    robot = robot_with(tmp_path, kind)
    names = [a.name for a in robot.understood().anatomy.actuators]
    stock = forces(robot)
    assert len(set(names)) == 4
    assert stock.abs().min() > 1e-3
    for index, name in enumerate(names):
        factor = torch.ones(4)
        factor[index] = 0.5
        assert forces(robot, **{f"motor:{name}": 0.5}).numpy() == pytest.approx((stock * factor).numpy(), rel=1e-9)
    assert forces(robot, motor=1.5).numpy() == pytest.approx(1.5 * stock.numpy(), rel=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_a_disabled_motor_has_no_force(tmp_path: Path, kind: str) -> None:
    robot = robot_with(tmp_path, kind)
    weakened = forces(robot, crippled_joint=2.0)
    assert weakened[2] == 0
    assert weakened[[0, 1, 3]].numpy() == pytest.approx(forces(robot)[[0, 1, 3]].numpy(), rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_actuator_trains_and_stays_finite(tmp_path: Path, kind: str) -> None:
    family = family_of(robot_with(tmp_path, kind), motor=(0.5, 1.5))
    worlds = stood(family, 30)
    assert torch.isfinite(worlds.family.robot.observe(worlds.body)).all()
    assert not worlds.sim.diverged.any()


def test_states_of_actuators_are_observed(tmp_path: Path) -> None:
    family = family_of(robot_with(tmp_path, "muscles"))
    assert family.space.obs == 11 - 2 + 10 + 4  # qpos without x and y, qvel, activations


def test_motors_on_tendons_are_named_by_themselves_and_by_their_tendon(tmp_path: Path) -> None:
    """The tendons are listed in another order than the motors: ids of one are not those of the other."""
    named = KINDS["tendons"].replace("<position ", '<position name="act" ', 1)
    robot = robot_of(tmp_path, dog(actuators=named, extra=f"<tendon>{TENDONS}</tendon>"))
    first, *others = robot.understood().anatomy.actuators
    assert (first.name, first.target) == ("act", "pull_fl")
    assert [a.name for a in others] == ["pull_fr", "pull_rl", "pull_rr"]
    assert torch.equal(forces(robot, **{"motor:act": 0.5}), forces(robot, **{"motor:pull_fl": 0.5}))


def test_several_motors_on_one_joint_are_told_apart(tmp_path: Path) -> None:
    twice = '<motor joint="hip_fl" ctrlrange="-1 1"/><motor name="boost" joint="hip_fl" gear="2" ctrlrange="-1 1"/>'
    robot = robot_of(tmp_path, dog(actuators=twice))
    assert [a.name for a in robot.understood().anatomy.actuators] == ["motor0", "boost"]
    stock = forces(robot)
    assert forces(robot, **{"motor:boost": 0.5}).tolist() == pytest.approx((stock * torch.tensor([1.0, 0.5])).tolist())
    assert forces(robot, **{"motor:hip_fl": 0.5}).tolist() == pytest.approx((stock / 2).tolist())


def test_a_thruster_on_a_site_has_its_own_name(tmp_path: Path) -> None:
    text = dog(
        actuators='<motor site="top" gear="0 0 1 0 0 0" ctrlrange="0 20"/><motor joint="hip_fl" ctrlrange="-1 1"/>'
    )
    robot = robot_of(tmp_path, text.replace("<freejoint/>", '<freejoint/><site name="top" pos="0 0 .05"/>'))
    assert [a.name for a in robot.understood().anatomy.actuators] == ["top", "hip_fl"]


def test_limits_of_joints_and_tendons_are_scaled_too(tmp_path: Path) -> None:
    """A servo that asks for more than its joint allows: the joint's limit is what is felt."""
    robot = robot_of(tmp_path, dog(joint='actuatorfrcrange="-3 3"'))
    worlds = stood(family_of(robot, motor=4.0, motor__to_fl=0.5), 1)
    limits = worlds.sim.params("jnt_actfrcrange")[0, 1:, 1]
    assert limits.tolist() == pytest.approx([6.0, 12.0, 12.0, 12.0])
    tendons = TENDONS.replace("<fixed ", '<fixed actuatorfrcrange="-2 2" ')
    pulled = robot_of(tmp_path, dog(actuators=KINDS["tendons"], extra=f"<tendon>{tendons}</tendon>"))
    worlds = stood(family_of(pulled, motor__pull_fl=0.5), 1)
    own = [worlds.sim.model.tendon(t).name == "pull_fl" for t in range(4)]
    assert worlds.sim.params("tendon_actfrcrange")[0, :, 1].tolist() == [1.0 if mine else 2.0 for mine in own]


def test_a_model_without_actuators_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Dog has no actuators"):
        robot_of(tmp_path, dog(actuators="")).understood()


SERVO = '<position joint="hip_fl" kp="40"/>'


def test_servos_without_a_range_get_that_of_their_joint(tmp_path: Path) -> None:
    robot = robot_of(tmp_path, dog(actuators=SERVO))
    assert robot.understood().limits == pytest.approx(np.deg2rad([[-80.0, 80.0]]))
    assert any("the range of its joint" in note for note in robot.understood().notes)


@pytest.mark.parametrize(
    "actuator",
    [SERVO, '<velocity joint="hip_fl" kv="1"/>', '<intvelocity joint="hip_fl" kp="1" actrange="-1 1"/>'],
)
def test_controls_without_any_range_are_refused(tmp_path: Path, actuator: str) -> None:
    text = dog(actuators=actuator).replace('range="-80 80"', "")
    with pytest.raises(ValueError, match="does not say what its actuator hip_fl may be set to"):
        robot_of(tmp_path, text).understood()


def test_motors_without_a_range_get_what_their_force_limit_allows(tmp_path: Path) -> None:
    limited = '<general joint="hip_fl" gainprm="4" forcerange="-8 12"/>'
    assert robot_of(tmp_path, dog(actuators=limited)).understood().limits.tolist() == [[-2.0, 3.0]]
    free = robot_of(tmp_path, dog(actuators='<motor joint="hip_fl"/>'))
    assert free.understood().limits.tolist() == [[-1.0, 1.0]]
    assert any("-1 to 1" in note for note in free.understood().notes)


def test_a_robot_with_a_control_of_its_own_needs_no_ranges(tmp_path: Path) -> None:
    def control(cls: type[Robot], body: object, act: torch.Tensor) -> torch.Tensor:
        return act

    text = dog(actuators=SERVO).replace('range="-80 80"', "")
    robot_of(tmp_path, text, control=classmethod(control)).understood()


@pytest.mark.parametrize(
    ("actuators", "names"),
    [
        ('<motor joint="hip_fl"/><motor tendon="hip_fl"/>', ["motor0", "motor1"]),  # a joint and a tendon of one name
        ('<motor name="motor1" joint="hip_fr"/><motor joint="hip_fl"/><motor joint="hip_fl"/>', ["motor1_", "motor2"]),
    ],
)
def test_names_of_actuators_never_collide(tmp_path: Path, actuators: str, names: list[str]) -> None:
    tendon = '<tendon><fixed name="hip_fl"><joint joint="hip_fr" coef="1"/></fixed></tendon>'
    robot = robot_of(tmp_path, dog(actuators=actuators, extra=tendon))
    assert [a.name for a in robot.understood().anatomy.actuators][-2:] == names
    stock = forces(robot)
    assert forces(robot, **{f"motor:{names[0]}": 0.5})[-2:].tolist() == [stock[-2] / 2, stock[-1]]


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ('<option><flag actuation="disable"/></option>', "the model disables actuation"),
        ('<option actuatorgroupdisable="2"/>', "actuator to_fr moves nothing, because its group 2 is disabled"),
    ],
)
def test_actuators_that_are_switched_off_are_refused(tmp_path: Path, option: str, says: str) -> None:
    text = dog(actuators=SERVOS.replace('"to_fr"', '"to_fr" group="2"'), extra=option)
    with pytest.raises(ValueError, match=says):
        robot_of(tmp_path, text).understood()


def test_actuators_that_others_compute_are_refused(tmp_path: Path) -> None:
    plugin = '<plugin joint="hip_fl" plugin="mujoco.pid" ctrlrange="-1 1"><config key="kp" value="4"/></plugin>'
    text = dog(actuators=plugin, extra='<extension><plugin plugin="mujoco.pid"/></extension>')
    with pytest.raises(ValueError, match="actuator hip_fl is computed by a plugin or by user code"):
        robot_of(tmp_path, text).understood()


def test_a_motor_on_a_tendon_gets_what_the_tendons_limit_allows(tmp_path: Path) -> None:
    tendon = '<tendon><fixed name="t" actuatorfrcrange="-3 2"><joint joint="hip_fr" coef="1"/></fixed></tendon>'
    robot = robot_of(tmp_path, dog(actuators='<motor tendon="t" gear="5"/>', extra=tendon))
    assert robot.understood().limits.tolist() == [[-3.0, 2.0]]
