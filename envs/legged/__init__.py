"""Legged robots that follow a velocity command: commands, reward terms, sensing, events.

Axes as in `envs.core`; also `J` joints, `F` feet, `H` points of a height scan. The base is the robot's root body.
"""
