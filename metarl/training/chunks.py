"""Backpropagation through time that is truncated: trials in chunks, each with the state that it starts from.

No error is carried from a chunk to the one before it. Its first state is the one that the policy had there when it
collected, and stays so over all epochs, while theta moves (S. Kapturowski et al., 2019, Recurrent experience replay in
distributed reinforcement learning, section 3: the stored state).

Axes: `L` steps of a trial, `B` trials, `C` chunks of a trial, `K` steps of a chunk, `M` numbers of a state.
"""

from __future__ import annotations

import torch
from torch import Tensor

from agents.learner import Episode, Params, RecurrentLearner, Transitions
from agents.records import Chunks, StoredState


def in_chunks(learner: RecurrentLearner, theta: Params, data: Transitions, length: int) -> Episode | Chunks:
    """Trials [1, L, B, ...] of `length` steps at most, as chunks [1, K, B * C, ...] and the states before them.

    Whole trials where the learner does not truncate. Every trial has as many chunks, so that all processes draw the
    same minibatches; those behind its end are not alive. theta: with which it was collected.
    """
    if not learner.bptt_steps:
        return Episode((), data)
    steps = min(learner.bptt_steps, length)
    count = -(-length // steps)
    states = learner.states_before(theta, _padded(data.x[0], count * steps), steps)  # [C, B, M]
    chunks = (_in_chunks(_padded(x[0], count * steps), count) for x in data)
    return Chunks((StoredState(states.transpose(0, 1).flatten(0, 1)[None, None]),), Transitions(*chunks))


def _padded(x: Tensor, length: int) -> Tensor:
    """Trials [L, B, ...] with zeros behind, or without what follows their last step, [length, B, ...]."""
    return torch.cat([x[:length], x.new_zeros(max(length - len(x), 0), *x.shape[1:])])


def _in_chunks(x: Tensor, count: int) -> Tensor:
    """[C * K, B, ...] -> [1, K, B * C, ...]."""
    return x.view(count, len(x) // count, *x.shape[1:]).movedim(0, 2).flatten(1, 2)[None]
