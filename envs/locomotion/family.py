"""Locomotion: robot x goal x terrain x dynamics -> a distribution of tasks."""

from __future__ import annotations

from typing import ClassVar, Literal

import mujoco
import torch

from envs.core import Policy, Space, Tasks, Trajectories, Variable
from envs.locomotion.checks import check_effects, check_fit, check_limits
from envs.locomotion.physics import make_terrain, prepare, split_elements
from envs.locomotion.start import origin_of, rewarded_from_start
from envs.locomotion.worlds import LocomotionWorlds
from envs.robots import ROBOTS
from envs.robots.models import REPLACED, use_physics
from envs.robots.robot import Physics, Robot, compile_quietly
from envs.robots.signals import Signal
from envs.rollout import rollout
from envs.simulation import BatchSimulator, Simulator
from envs.specified import Specified
from envs.terrain.terrain import Terrain
from envs.variables import VariableSampler
from envs.variations.registry import VARIATIONS, goal_of
from envs.variations.variation import Reward

PROBES = 3  # worlds in which a user's code is tried: neither 1, which any shape would fit, nor 2, a position's size


class Locomotion(Specified, VariableSampler):
    """A robot that has to move; `variables` says what differs between tasks.

    robot: a name of `envs.robots.ROBOTS`, or a subclass of `Robot`.
    variables: the variables of one goal, and any of terrain and dynamics (`envs.variations`); at most one terrain with
        a shape. A random terrain gets a `layout` if none is given.
    reward: replaces the goal: how the robots moved and the numbers of their tasks, [W] each -> [W]. With it, variables
        may have any name.
    physics: `fast`; `gymnasium` for the stock model, bit for bit; `default` for MuJoCo's default integrator, cone and
        solver; or `pyramidal`, as `fast` with MuJoCo's default cone. Scores are not comparable between them.
    substeps: divides the physics step, for the same control step; to judge a policy with a finer simulation.
    horizon: control steps of an episode.
    action_scale: policy units of full torque. 10 as in ProMP (Rothfuss et al. 2019), so that a Gaussian of standard
        deviation 1 explores with a tenth of the torque and an inner step with learning rate 0.1 is a small one.
    ctrl_cost: weight of |a|^2, with a in [-1, 1]; by default the robot's published one.
    alive_bonus: reward of each step in which the robot has not failed; by default the robot's published one.
    terrain: a ground of your own instead of one named by a variable.
    num_threads: simulation threads, 0 for all cores; results do not depend on it.
    simulator: `cpu`, MuJoCo on threads, in double precision; or `gpu`, MuJoCo Warp on `device`, in single precision,
        where contacts on height fields differ and `physics="gymnasium"` is not bit for bit.
    deterministic: makes two runs on a GPU bit-identical, at some cost in speed. On the CPU they always are.

    Raises ValueError for variables that do not fit the robot or each other.
    """

    has_events: ClassVar[bool] = False  # whether something may change within an episode

    def __init__(
        self,
        robot: str | type[Robot],
        variables: tuple[Variable, ...],
        *,
        reward: Reward | None = None,
        physics: Physics = "fast",
        substeps: int = 1,
        horizon: int = 100,
        action_scale: float = 10.0,
        ctrl_cost: float | None = None,
        alive_bonus: float | None = None,
        terrain: Terrain | None = None,
        num_threads: int = 0,
        simulator: Literal["cpu", "gpu"] = "cpu",
        device: str = "cuda",
        deterministic: bool = False,
    ) -> None:
        self.robot = ROBOTS[robot] if isinstance(robot, str) else robot
        names = {v.name for v in variables}
        check_fit(self.robot, names, own_reward=reward is not None, events=self.has_events)
        if reward is None:
            goal_of(names)  # raises ValueError
        self.terrain = terrain or make_terrain(names, self.robot)
        variables = _with_layout(variables)
        self._given, self.substeps = variables, substeps
        self.model = compile_quietly(self.spec(physics))
        self.anatomy = self.robot.anatomy(self.model)
        own = origin_of(self.robot, self.anatomy)
        self.reward = reward or rewarded_from_start(goal_of(names).reward, own)
        check_limits(variables, self.model, self.robot)
        published = self.robot.gymnasium_id is not None
        split = split_elements(self.model, self.anatomy, variables, published=published)
        check_effects(split, self.model, self.anatomy, {v.name for v in variables})
        super().__init__(split)
        self.physics, self.horizon = physics, horizon
        self.action_scale = action_scale
        self.ctrl_cost = self.robot.ctrl_cost if ctrl_cost is None else ctrl_cost
        self.alive_bonus = self.robot.alive_bonus if alive_bonus is None else alive_bonus
        self.num_threads = num_threads
        self.simulator, self.device, self.deterministic = simulator, device, deterministic
        self._simulators: dict[int, Simulator] = {}
        if simulator == "gpu":
            from envs.simulation.warp_model import put_model  # an optional dependency

            put_model(self.model, device)  # raises ValueError for a model that it does not support
        probe = BatchSimulator(self.model, PROBES, 1)
        if simulator == "cpu":  # a reward may have tensors on the GPU, where the first worlds check it
            self._worlds(probe, self.sample(PROBES, "train", torch.Generator().manual_seed(0)), 1)
        self.space = Space(self.robot.observe(self.robot.body(probe)).shape[1], self.model.nu)

    def _worlds(self, sim: Simulator, tasks: Tasks, episodes: int) -> LocomotionWorlds:
        return LocomotionWorlds(self, sim, tasks, episodes)

    def signals(self) -> tuple[Signal, ...]:
        """What each number of an observation is; none where the robot does not say."""
        return self.robot.signals(self.model)

    @property
    def full_action(self) -> float:
        """The largest action, in policy units."""
        return self.action_scale

    @property
    def control_step(self) -> float:
        """Seconds between two actions."""
        return self.physics_steps * float(self.model.opt.timestep)

    @property
    def physics_steps(self) -> int:
        """Physics steps of a control step."""
        return self.robot.frame_skip * self.substeps

    @property
    def world_bytes(self) -> float:
        """Memory of a world on the CPU, about: its state, and a share of what depends on the square of its freedom."""
        state = mujoco.mj_stateSize(self.model, mujoco.mjtState.mjSTATE_INTEGRATION.value)
        return 8.0 * float(2 * state + self.model.nv**2)  # within a factor of 2 on cheetah, ant and humanoid

    def worlds(self, tasks: Tasks, episodes: int, *, share: bool = True) -> LocomotionWorlds:
        """`len(tasks) * episodes` worlds with the physics of their task.

        Simulators are cached by size: do not use two `worlds` of the same size at once, unless one of them was made
        with `share=False`, which gives it a simulator of its own.
        """
        self.check_names(tasks)
        size = len(tasks) * episodes
        if not share:
            return self._worlds(self._simulator(size), tasks, episodes)
        if size not in self._simulators:
            self._simulators[size] = self._simulator(size)
        return self._worlds(self._simulators[size], tasks, episodes)

    def experience(self, tasks: Tasks, policy: Policy, episodes: int, generator: torch.Generator) -> Trajectories:
        """Roll out `policy` for `episodes` episodes of every task."""
        shape = (len(tasks), self.horizon, episodes)
        return rollout(self.worlds(tasks, episodes), policy, self.space, shape, generator)

    def segments(self, tasks: Tasks, policy: Policy, episodes: int, generator: torch.Generator) -> Trajectories:
        """`horizon` steps of `episodes` worlds of every task, where another episode follows one that has ended."""
        shape, worlds = (len(tasks), self.horizon, episodes), self.worlds(tasks, episodes)
        return rollout(worlds, policy, self.space, shape, generator, restart=worlds.reset)

    def _simulator(self, size: int) -> Simulator:
        fresh = self.robot.fresh
        if self.simulator == "cpu":
            return BatchSimulator(self.model, size, self.num_threads, fresh=fresh)
        from envs.simulation.warp import WarpSimulator

        return WarpSimulator(self.model, size, self.device, fresh=fresh, deterministic=self.deterministic)

    def spec(self, physics: Physics = "fast") -> mujoco.MjSpec:
        """The editable model: the robot's own, and what its terrain and dynamics need."""
        spec = self.robot.spec("fast" if physics in REPLACED else physics)
        if physics in REPLACED:
            use_physics(spec, REPLACED[physics])
        spec.option.timestep /= self.substeps
        site = self.robot.site(spec)
        prepare(spec, self._given, self.robot)
        if self.terrain is not None:
            self.terrain.prepare(spec, site)
        return spec


def _with_layout(variables: tuple[Variable, ...]) -> tuple[Variable, ...]:
    """Variables with a `layout` where a random ground lacks one."""
    names = {v.name for v in variables}
    variations = VARIATIONS.items()
    random = any(name in variations and "layout" in variations[name].options for name in names)
    if random and "layout" not in names:
        variables += (Variable("layout", ((0.0, 1.0),), in_descriptor=False),)
    return variables
