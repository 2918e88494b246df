"""robot x goal x terrain x dynamics -> a distribution of tasks."""

from __future__ import annotations

import torch
from torch import Tensor

from envs.core import Policy, Space, Tasks, Trajectories, Variable
from envs.robots import ROBOTS
from envs.robots.robot import Physics, compile_quietly
from envs.rollout import rollout
from envs.simulation import BatchSimulator, Simulator
from envs.variables import Varied
from envs.variations import GOALS, PHYSICAL


class Locomotion(Varied):
    """A robot that must move; what varies between tasks is named by `variables`.

    robot: a name of `envs.robots.ROBOTS`.
    variables: exactly one goal (`direction` or `velocity`) and any physical variation (`slope_deg`, `friction`).
    physics: `fast`, or `gymnasium` for the stock model, bit for bit. Scores are not comparable between the two.
    horizon: control steps of an episode.
    action_scale: policy units that mean full torque. 10 as in ProMP (Rothfuss et al. 2019), so that a Gaussian of
        standard deviation 1 explores with a tenth of the torque and an inner step of rate 0.1 is a small one.
    ctrl_cost: weight of |a|^2, with a in [-1, 1]; by default the robot's published one.
    alive_bonus: paid for each step in which the robot has not failed; by default the robot's published one.
    num_threads: simulation threads, 0 for every core; results do not depend on it.
    """

    def __init__(
        self,
        robot: str,
        variables: tuple[Variable, ...],
        *,
        physics: Physics = "fast",
        horizon: int = 100,
        action_scale: float = 10.0,
        ctrl_cost: float | None = None,
        alive_bonus: float | None = None,
        num_threads: int = 0,
    ) -> None:
        goals = [v.name for v in variables if v.name in GOALS]
        unknown = [v.name for v in variables if v.name not in GOALS and v.name not in PHYSICAL]
        if len(goals) != 1 or unknown:
            raise ValueError(
                f"a locomotion family varies exactly one of {', '.join(GOALS)} and any of {', '.join(PHYSICAL)}, "
                f"but got {', '.join(v.name for v in variables) or 'nothing'}"
            )
        self.robot = ROBOTS[robot]
        self.model = compile_quietly(self.robot.spec(physics))
        self.goal = goals[0]
        super().__init__(variables)
        self.space = Space(self.robot.obs_dim, self.robot.act_dim)
        self.horizon = horizon
        self.action_scale = action_scale
        self.ctrl_cost = self.robot.ctrl_cost if ctrl_cost is None else ctrl_cost
        self.alive_bonus = self.robot.alive_bonus if alive_bonus is None else alive_bonus
        self.num_threads = num_threads
        self._simulators: dict[int, BatchSimulator] = {}

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
            return LocomotionWorlds(self, BatchSimulator(self.model, size, self.num_threads), tasks, episodes)
        if size not in self._simulators:
            self._simulators[size] = BatchSimulator(self.model, size, self.num_threads)
        return LocomotionWorlds(self, self._simulators[size], tasks, episodes)

    def experience(self, tasks: Tasks, policy: Policy, episodes: int, generator: torch.Generator) -> Trajectories:
        shape = (len(tasks), self.horizon, episodes)
        return rollout(self.worlds(tasks, episodes), policy, self.space, shape, generator)


class LocomotionWorlds:
    """`N` tasks times `E` episodes of one robot on one simulator, task-major."""

    def __init__(self, family: Locomotion, sim: Simulator, tasks: Tasks, episodes: int) -> None:
        self.family = family
        self.sim = sim
        self.episodes = episodes
        family.robot.position(sim)  # binds what it reads: a field bound later is zero until the next step
        self._goal = GOALS[family.goal]
        self.set_tasks(tasks)

    def set_tasks(self, tasks: Tasks) -> None:
        """Give every world the goal and the physics of its task; its state stays."""
        self._goal_value = tasks.column(self.family.goal).repeat_interleave(self.episodes)  # [W]
        for name in tasks.names:
            if name in PHYSICAL:
                PHYSICAL[name](self.sim, tasks.column(name).repeat_interleave(self.episodes))

    def reset(self, generator: torch.Generator, mask: Tensor | None = None) -> Tensor:
        """Start the episodes of `mask` [N, E], or all; obs [N, E, O] of every world."""
        mask = None if mask is None else mask.flatten()
        self.sim.reset(mask)
        self.family.robot.perturb(self.sim, generator, mask)
        self.sim.forward(mask)
        return self._per_task(self.family.robot.observe(self.sim))

    def step(self, act: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Actions [N, E, A] in policy units are scaled, clipped to [-1, 1] and held for one control step."""
        family, robot, sim = self.family, self.family.robot, self.sim
        torque = (act.flatten(0, 1).double() / family.action_scale).clamp(-1.0, 1.0)  # [W, A]
        before = robot.position(sim)
        sim.step(torque, robot.frame_skip)
        speed = (robot.position(sim) - before) / family.control_step
        terminated = robot.terminated(sim)
        rew = self._goal(speed, self._goal_value) - family.ctrl_cost * torque.square().sum(1)
        rew = rew + family.alive_bonus * ~terminated
        per_task = self._per_task
        return per_task(robot.observe(sim)), per_task(rew), per_task(terminated), per_task(sim.diverged)

    def _per_task(self, x: Tensor) -> Tensor:
        return x.view(-1, self.episodes, *x.shape[1:])  # [W, ...] -> [N, E, ...]
