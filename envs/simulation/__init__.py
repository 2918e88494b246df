"""Many worlds of one MuJoCo model, each with physical parameters of its own."""

from envs.simulation.batch import BatchSimulator
from envs.simulation.simulator import Simulator

__all__ = ["BatchSimulator", "Simulator"]
