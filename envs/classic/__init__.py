"""The task distributions that papers compare on, by name, each with its published definition.

The variant is in the name because returns of the "same" task differ by up to six times between codes. What every one
keeps: model, control step, observation, reward, ranges, horizon, termination, reset noise. What none can keep: the
version of MuJoCo they were published with (1.31 to 2.0). Physics are `gymnasium`, the stock model, unless asked
otherwise. Tasks are always drawn afresh, and actions clipped to [-1, 1] before they are charged for.
"""

from envs.classic.build import DEFINITIONS, build_classic
from envs.classic.definition import Definition

__all__ = ["DEFINITIONS", "Definition", "build_classic"]
