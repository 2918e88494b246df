"""A learner in thirty lines: within a task it forms nothing but a shift of the mean action."""

import torch

from agents.learner import Learner
from agents.objectives import policy_gradient


class Shift(Learner):
    def __init__(self, network, objective, act, inner_lr=0.1):
        self.network, self.objective, self.act, self.inner_lr = network, objective, act, inner_lr

    def init(self, generator):
        return self.network.init(generator)  # theta

    def initial_state(self, theta):
        return {"shift": torch.zeros(self.act)}  # phi

    def apply(self, theta, phi, x):
        out = self.network(theta, x)
        return out._replace(mean=out.mean + phi["shift"])

    def adapt(self, theta, phi, support):
        def inner_loss(phi):
            return policy_gradient(self.apply(theta, phi, support.x), support)

        return {"shift": phi["shift"] - self.inner_lr * torch.func.grad(inner_loss)(phi)["shift"]}

    def loss(self, theta, episode):
        phi = self.adapt(theta, self.initial_state(theta), episode.support[0])
        return self.objective(self.apply(theta, phi, episode.query.x), episode.query)
