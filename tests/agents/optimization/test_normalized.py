"""A gradient learner with normalised observations is the learner itself on observations normalised by hand."""

from __future__ import annotations

import torch
from torch import Tensor

from agents.learner import Episode, Learner
from agents.nn.perceptrons import GaussianMLP
from agents.objectives import kl_to_sampling, policy_gradient
from agents.optimization import MAML
from agents.optimization.hierarchical import WithHierarchicalBaseline
from agents.optimization.normalized import WithNormalizedInputs
from agents.records import Params, Transitions
from tests.agents.quadratics import gradients
from tests.probes import random_transitions

TASKS, OBS, ACT = 3, 3, 2
MEAN, STD = torch.tensor([3.0, -1.0, 0.5]).double(), torch.tensor([10.0, 0.5, 2.0]).double()


def maml() -> MAML:
    network = GaussianMLP(OBS, ACT, hidden=(5,))
    return MAML(network, policy_gradient, policy_gradient, 0.3, support_penalty=kl_to_sampling, penalty_coef=0.1)


def start(learner: Learner[object]) -> Params:
    """theta with statistics of MEAN and STD, where it has any."""
    theta = {k: v.double() for k, v in learner.init(torch.Generator().manual_seed(1)).items()}
    return theta | ({"seen.mean": MEAN, "seen.var": STD.square()} if "seen.mean" in theta else {})


def data() -> Episode:
    generator = torch.Generator().manual_seed(0)
    support, query = (random_transitions(TASKS, OBS, ACT, generator) for _ in range(2))
    return Episode((support,), query)


def by_hand(data: Transitions) -> Transitions:
    return data._replace(x=(data.x - MEAN) / STD)


def test_loss_and_gradients_are_those_of_the_learner_on_normalised_observations() -> None:
    """The statistics themselves get no gradient."""
    plain, learner, episode = maml(), WithNormalizedInputs(maml(), OBS, 1), data()
    expected = gradients(plain, start(plain), Episode((by_hand(episode.support[0]),), by_hand(episode.query)))
    found = gradients(learner, start(learner), episode)
    for name, wanted in expected.items():
        torch.testing.assert_close(found[name], wanted)
    assert found.keys() == expected.keys()


def test_what_is_adapted_acts_on_normalised_observations() -> None:
    plain, learner = maml(), WithNormalizedInputs(maml(), OBS, 1)
    episode = data()
    support = Transitions(*(t[0] for t in episode.support[0]))
    theta, own = start(learner), start(plain)
    adapted = learner.adapt(theta, learner.initial_state(theta), support)
    expected = plain.adapt(own, plain.initial_state(own), by_hand(support))
    assert adapted.keys() == expected.keys()
    x: Tensor = episode.query.x[0]
    torch.testing.assert_close(learner.apply(theta, adapted, x).mean, plain.apply(own, expected, (x - MEAN) / STD).mean)


def test_statistics_are_those_of_the_steps_that_were_taken() -> None:
    """Also below a baseline that is learned over tasks."""
    query = data().query
    alive = torch.rand(query.alive.shape, generator=torch.Generator().manual_seed(2)) < 0.5
    query = query._replace(alive=alive)
    seen = query.x[alive]
    inner = WithNormalizedInputs(maml(), OBS, 1)
    for learner in (inner, WithHierarchicalBaseline(inner, OBS, 1)):
        theta = learner.init(torch.Generator())
        theta = learner.update_input_stats(theta, query, lambda x: x)
        torch.testing.assert_close(theta["seen.mean"].double(), seen.mean(0))
        torch.testing.assert_close(theta["seen.var"].double(), seen.var(0, correction=0))
        assert int(theta["seen.count"]) == len(seen)
