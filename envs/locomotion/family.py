"""robot x goal x terrain x dynamics -> a distribution of tasks."""

from __future__ import annotations

from typing import Literal

import mujoco
import torch
from torch import Tensor

from envs.core import Policy, Space, Tasks, Trajectories, Variable
from envs.robots import ROBOTS, Body, Robot
from envs.robots.robot import Physics, compile_quietly
from envs.rollout import rollout
from envs.simulation import BatchSimulator, Simulator
from envs.terrain import ground
from envs.variables import VariableSampler
from envs.variations import dynamics, slope
from envs.variations.catalogue import VARIABLE_SPECS, base_name, goal_of
from envs.variations.goals import GOALS, NEEDS_A_PLANE, Goal, Motion
from envs.variations.params import Params, elements


class Locomotion(VariableSampler):
    """A robot that must move; what varies between tasks is named by `variables`.

    robot: a name of `envs.robots.ROBOTS`, or a `Robot` of your own.
    variables: a goal (`envs.variations.goals.GOALS`), and any terrain and dynamics. At
        most one of the grounds with a shape; those that are random get a `layout` of their own.
    reward: pays instead of a goal, given how the robot moved and the numbers of its task, each [W]. With it, any name
        may be a variable.
    physics: `fast`, or `gymnasium` for the stock model, bit for bit. Scores are not comparable between the two.
    horizon: control steps of an episode.
    action_scale: policy units that mean full torque. 10 as in ProMP (Rothfuss et al. 2019), so that a Gaussian of
        standard deviation 1 explores with a tenth of the torque and an inner step of rate 0.1 is a small one.
    ctrl_cost: weight of |a|^2, with a in [-1, 1]; by default the robot's published one.
    alive_bonus: paid for each step in which the robot has not failed; by default the robot's published one.
    terrain: a ground of your own instead of one named by a variable.
    num_threads: simulation threads, 0 for every core; results do not depend on it.
    simulator: `cpu`, MuJoCo on threads, in double precision; or `gpu`, MuJoCo Warp on `device`, in single precision.
        Contacts on height fields are other ones there, and `physics="gymnasium"` is not bit for bit.
    deterministic: of the GPU, that two runs are equal to the bit; slower. The CPU is so at no cost.

    Raises ValueError, in one sentence, for variables that do not fit the robot or each other.
    """

    def __init__(
        self,
        robot: str | type[Robot],
        variables: tuple[Variable, ...],
        *,
        reward: Goal | None = None,
        physics: Physics = "fast",
        horizon: int = 100,
        action_scale: float = 10.0,
        ctrl_cost: float | None = None,
        alive_bonus: float | None = None,
        terrain: ground.Terrain | None = None,
        num_threads: int = 0,
        simulator: Literal["cpu", "gpu"] = "cpu",
        device: str = "cuda",
        deterministic: bool = False,
    ) -> None:
        self.robot = ROBOTS[robot] if isinstance(robot, str) else robot
        names = {v.name for v in variables}
        self.goal = reward or GOALS[goal_of(names)]
        _check_fit(self.robot, names, own_reward=reward is not None)
        self.terrain = terrain or _terrain(names, self.robot)
        if names & ground.RANDOM and "layout" not in names:
            variables += (Variable("layout", ((0.0, 1.0),), in_descriptor=False),)
        self._given = names
        self._longest_delay = max((b for v in variables if v.name == "delay" for _, b in v.train + v.ood), default=0.0)
        self.model = compile_quietly(self.spec(physics))
        _check_limits(variables, self.model, self.robot)
        super().__init__(_each(self.model, variables))
        self.physics = physics
        self.horizon = horizon
        self.action_scale = action_scale
        self.ctrl_cost = self.robot.ctrl_cost if ctrl_cost is None else ctrl_cost
        self.alive_bonus = self.robot.alive_bonus if alive_bonus is None else alive_bonus
        self.num_threads = num_threads
        self.simulator, self.device, self.deterministic = simulator, device, deterministic
        self._simulators: dict[int, Simulator] = {}
        if simulator == "gpu":
            from envs.simulation.warp import put_model  # an extra

            put_model(self.model, device)  # says whether it can
        probe = BatchSimulator(self.model, 1, 1)
        self.space = Space(self.robot.observe(Body(probe)).shape[1], self.model.nu)

    @property
    def full_action(self) -> float:
        """What the largest action is in policy units."""
        return self.action_scale

    @property
    def control_step(self) -> float:
        """Seconds between two actions."""
        return self.robot.frame_skip * float(self.model.opt.timestep)

    def worlds(self, tasks: Tasks, episodes: int, *, share: bool = True) -> LocomotionWorlds:
        """`len(tasks) * episodes` worlds that obey the physics of their task.

        Simulators are kept and shared by size, so that worlds of one size are to be used one after the other;
        `share=False` makes a simulator of their own.
        """
        self.check_names(tasks)
        size = len(tasks) * episodes
        if not share:
            return LocomotionWorlds(self, self._simulator(size), tasks, episodes)
        if size not in self._simulators:
            self._simulators[size] = self._simulator(size)
        return LocomotionWorlds(self, self._simulators[size], tasks, episodes)

    def experience(self, tasks: Tasks, policy: Policy, episodes: int, generator: torch.Generator) -> Trajectories:
        shape = (len(tasks), self.horizon, episodes)
        return rollout(self.worlds(tasks, episodes), policy, self.space, shape, generator)

    def _simulator(self, size: int) -> Simulator:
        fresh = self.robot.fresh
        if self.simulator == "cpu":
            return BatchSimulator(self.model, size, self.num_threads, fresh=fresh)
        from envs.simulation.warp import WarpSimulator

        return WarpSimulator(self.model, size, self.device, fresh=fresh, deterministic=self.deterministic)

    def spec(self, physics: Physics = "fast") -> mujoco.MjSpec:
        """The editable model: the robot's own, and what its terrain and dynamics need."""
        spec = self.robot.spec(physics)
        dynamics.prepare(spec, self._given, self._longest_delay)
        if self.terrain is not None:
            self.terrain.prepare(spec)
        return spec


TOUCHES = ("friction", "frictions")


def _check_fit(robot: type[Robot], names: set[str], *, own_reward: bool) -> None:
    title = robot.__name__
    if strange := {n for n in names if base_name(n) not in VARIABLE_SPECS} - ({*names} if own_reward else set()):
        raise ValueError(f"there is no variable {', '.join(sorted(strange))}; known are {', '.join(VARIABLE_SPECS)}")
    if robot.is_planar() and (wide := names & (NEEDS_A_PLANE | {"slope_heading_deg", "payload_y"})):
        raise ValueError(
            f"{title} only moves along x: {', '.join(sorted(wide))} needs a body that is free in the plane"
        )
    grounds = names & (ground.BOXES.keys() | set(ground.FIELDS))
    if len(grounds) > 1:
        raise ValueError(f"a family has one ground with a shape, but got {', '.join(sorted(grounds))}")
    idle = grounds | {n for n in names if base_name(n) in TOUCHES}
    if idle and robot.height_index is None and not own_reward:
        raise ValueError(f"{title} never touches the ground: {', '.join(sorted(idle))} would change nothing")
    if "slope_heading_deg" in names and "slope_deg" not in names:
        raise ValueError("slope_heading_deg says where slope_deg rises towards: vary slope_deg too")
    if names & {"payload_x", "payload_y"} and "payload" not in names:
        raise ValueError("payload_x and payload_y say where a payload sits: vary payload too")
    if "layout" in names and not names & ground.RANDOM and not own_reward:
        raise ValueError(f"layout chooses among random grounds: vary one of {', '.join(sorted(ground.RANDOM))} too")
    if "crippled_leg" in names and not robot.legs:
        raise ValueError(f"{title} has no legs to cripple: vary crippled_joint")


def _check_limits(variables: tuple[Variable, ...], model: mujoco.MjModel, robot: type[Robot]) -> None:
    layouts = {(a, b) for v in variables if v.name == "layout" for a, b in v.train + v.ood if a < b}
    if layouts - {(0.0, 1.0)}:
        raise ValueError("layout has choices, or ranges over the whole of [0, 1]: only so are layouts held out")
    most = {"crippled_joint": model.nu - 1, "crippled_leg": len(robot.legs) - 1}
    for v in variables:
        quantity = VARIABLE_SPECS.get(base_name(v.name))
        if quantity is None:
            continue
        low, high = quantity.low, most.get(v.name, quantity.high)
        for end in sum(v.train + v.ood, ()):
            if not low <= end <= high:
                raise ValueError(f"{v.name} {end:g} lies outside [{low:g}, {high:g}] for {robot.__name__}")


def _terrain(names: set[str], robot: type[Robot]) -> ground.Terrain | None:
    shaped = names & (ground.BOXES.keys() | set(ground.FIELDS))
    return ground.make_terrain(shaped.pop(), robot.is_planar()) if shaped else None


def _each(model: mujoco.MjModel, variables: tuple[Variable, ...]) -> tuple[Variable, ...]:
    """Variables with one for each element where that was asked for."""
    out: list[Variable] = []
    for v in variables:
        kind = VARIABLE_SPECS[base_name(v.name)].per_element if base_name(v.name) in VARIABLE_SPECS else None
        known = elements(model, kind) if kind else {}
        if v.per_element and not kind:
            raise ValueError(f"{v.name} has no elements to vary one by one")
        if ":" in v.name and kind and (element := v.name.partition(":")[2]) not in known:
            raise ValueError(f"{v.name} names no {kind} of this robot, which are {', '.join(known)}; got {element}")
        names = [f"{v.name}:{element}" for element in dynamics.varying(model, v.name)] if v.per_element else [v.name]
        out += [v._replace(name=name, per_element=False) for name in names]
    names = [v.name for v in out]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"{', '.join(sorted(twice))} varies twice: once by name and once by 'each'")
    return tuple(out)


class LocomotionWorlds:
    """`N` tasks times `E` episodes of one robot on one simulator, task-major."""

    def __init__(self, family: Locomotion, sim: Simulator, tasks: Tasks, episodes: int) -> None:
        self.family = family
        self.sim = sim
        self.episodes = episodes
        self.body = Body(sim)
        place = family.robot.position(self.body)  # these bind the fields they read: bound later, a field is zero
        family.robot.velocity(self.body, place, 1.0)  # until the next step
        family.robot.observe(self.body)
        family.robot.extra_cost(self.body)
        family.robot.control(self.body, self.body.act)
        family.robot.terminated(self.body)
        self.set_tasks(tasks)

    def set_tasks(self, tasks: Tasks, mask: Tensor | None = None) -> None:
        """Give every world the goal and the physics of its task; its state stays. `mask` [N, E] says which worlds have
        a task that is new, for the others keep what they have.
        """
        columns = tasks.values.repeat_interleave(self.episodes, 0).T.contiguous()  # [P, W]
        task = dict(zip(tasks.names, columns, strict=True))
        device = self.sim.qpos.device
        self._task = {name: column.to(device) for name, column in task.items()}
        params = Params(self.sim.model, self.sim.num_worlds)
        self._surface: ground.Surface | None = None
        if self.family.terrain is not None:
            self.family.terrain.apply(params, task)
            self._surface = self.family.terrain.surface(self._task)
        works = dynamics.apply(params, task, self.family.robot)
        self._works = None if works is None else works.to(device)
        if "slope_deg" in task:
            slope.apply(params, task)
            self.body.down = (params["opt.gravity"] / params["opt.gravity"].norm(dim=1, keepdim=True)).to(self.sim.qpos)
        self.sim.set_params(params, None if mask is None else mask.flatten())
        self.params = params

    def reset(self, generator: torch.Generator, mask: Tensor | None = None) -> Tensor:
        """Start the episodes of `mask` [N, E], or all; obs [N, E, O] of every world."""
        mask = None if mask is None else mask.flatten().to(self.sim.qpos.device)
        self.sim.reset(mask)
        self.family.robot.reset_state(self.sim, generator, mask)
        self.sim.forward(mask)
        self.body.act = torch.zeros_like(self.body.act) if mask is None else self.body.act * ~mask[:, None]
        self.sim.remember(self.family.robot.control(self.body, torch.zeros_like(self.body.act)), mask)
        self._feel_ground(self.family.robot.position(self.body))
        return self._per_task(self.family.robot.observe(self.body))

    @torch.no_grad()
    def step(self, act: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Actions [N, E, A] in policy units are scaled, clipped to [-1, 1] and held for one control step.

        An action that is not a number breaks the simulation of its world. Such a world is back at the start when it is
        observed, so that observations are finite; `diverged` tells, and its reward means nothing.
        """
        family, robot, sim, body = self.family, self.family.robot, self.sim, self.body
        body.act = (act.flatten(0, 1).to(sim.qpos) / family.action_scale).clamp(-1.0, 1.0)  # [W, A]
        before = robot.position(body)
        sim.step(robot.control(body, body.act), robot.frame_skip)
        diverged = sim.diverged
        after = robot.position(body)
        self._feel_ground(after)
        motion = Motion(after, robot.velocity(body, after - before, family.control_step))
        terminated = robot.terminated(body)
        rew = self._reward(motion, terminated)
        per_task = self._per_task
        return per_task(robot.observe(body)), per_task(rew), per_task(terminated), per_task(diverged)

    def _reward(self, motion: Motion, terminated: Tensor) -> Tensor:
        family, robot = self.family, self.family.robot
        rew = family.goal(motion, self._task)
        if robot.forward_weight != 1.0:
            rew = rew * robot.forward_weight
        if family.ctrl_cost:
            spent = self.body.act if self._works is None else self.body.act * self._works  # a dead motor costs nothing
            rew = rew - family.ctrl_cost * spent.square().sum(1)
        if family.alive_bonus:
            rew = rew + (family.alive_bonus if robot.pays_last_step else family.alive_bonus * ~terminated)
        cost = robot.extra_cost(self.body)
        return rew if cost is None else rew - cost

    def _feel_ground(self, place: Tensor) -> None:
        if self._surface is not None:
            self.body.ground = self._surface(place)

    def _per_task(self, x: Tensor) -> Tensor:
        return x.view(-1, self.episodes, *x.shape[1:])  # [W, ...] -> [N, E, ...]
