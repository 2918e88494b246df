"""Many worlds of one MuJoCo model in parallel, each with its own physical parameters."""

from envs.simulation.batch import BatchSimulator
from envs.simulation.simulator import Simulator

__all__ = ["BatchSimulator", "Simulator"]
