"""Outer steps, the credit of actions, and how much of everything."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from envs.settings import Count, Fraction, NonNegative, Positive, Record


class PpoOuter(Record):
    """See `metarl.training.outer.Gradient`: several clipped epochs with a KL penalty, as in ProMP.

    minibatches: parts of the experience, by tasks, or by trials of a policy with a memory, each of which takes a step
    in every epoch. value_coef: of half the squared error of the return that a policy with a memory expects.
    lr_anneal: the rate falls in a line to 0 at the last iteration.
    """

    kind: Literal["ppo"]
    outer_lr: Positive = 1e-3
    num_epochs: Annotated[int, Field(ge=1, le=1000)] = 5
    clip_coef: Positive = 0.3
    kl_coef: NonNegative = 5e-4
    ent_coef: NonNegative = 0.0
    value_coef: NonNegative = 0.5
    minibatches: Annotated[int, Field(ge=1, le=1000)] = 1
    max_grad_norm: NonNegative = 0.0
    max_kl: NonNegative = 0.0
    lr_anneal: bool = False


class TrpoOuter(Record):
    """See `metarl.training.outer.TRPO`."""

    kind: Literal["trpo"]
    max_kl: Positive = 0.01
    cg_iterations: Annotated[int, Field(ge=1, le=1000)] = 10
    damping: NonNegative = 1e-5
    line_search_steps: Annotated[int, Field(ge=1, le=1000)] = 15


class GradientOuter(Record):
    """See `metarl.training.outer.Gradient`: one optimiser step on the learner's own loss.

    lr_anneal: the rate falls in a line to 0 at the last iteration (Nichol et al. 2018).
    """

    kind: Literal["gradient"]
    outer_lr: Positive = 1e-3
    optimizer: Literal["adam", "sgd"] = "adam"
    max_grad_norm: NonNegative = 0.0
    lr_halve_every: Annotated[int, Field(ge=0, le=10**9)] = 0
    lr_anneal: bool = False


class Advantage(Record):
    """See `agents.advantages`."""

    gamma: Fraction = 0.99
    gae_lambda: Fraction = 1.0


class Training(Record):
    """How much: tasks and episodes a round and iteration, how often to save, how many threads (0: every core).

    video_every: after so many iterations an unseen task is filmed before and after adaptation, the same every time; 0:
    never.

    simulator: `cpu` or `gpu` simulates robots, or `auto`, whichever is measured to be faster. device: where networks
    are; `auto` puts them beside the simulator, and those that see images on a card. deterministic: sums on a card are
    taken in the same order every time, so that two runs are equal to the bit; slower.
    """

    iterations: Count
    num_tasks: Count = 20
    episodes: Count = 20
    checkpoint_every: Count = 10
    video_every: Annotated[int, Field(ge=0, le=10**9)] = 0
    num_threads: Annotated[int, Field(ge=0, le=1024)] = 0
    simulator: Literal["auto", "cpu", "gpu"] = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    deterministic: bool = False
