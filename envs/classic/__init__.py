"""The task distributions that papers compare on, by name, each with its published definition.

The variant is part of the name because returns of the "same" task differ by up to a factor of six between codebases.
Kept are model, control step, observation, reward, ranges, horizon, termination and reset noise. Not kept is the version
of MuJoCo (1.31 to 2.0). Physics are `gymnasium`, the stock model, unless `physics="fast"` is given. Tasks are always
sampled afresh, and actions are clipped to [-1, 1] before their cost is computed.

A file of this folder takes part by offering `DEFINITIONS`, a dict of definitions by name.
"""
