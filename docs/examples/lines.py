"""Straight lines y = slope * x + offset: a family of supervised tasks."""

from envs.core import Examples, Space, Variable
from envs.variables import VariableSampler, draw_number, hashed_uniforms


class Lines(VariableSampler):
    horizon = 1
    space = Space(obs=1, act=1)

    def __init__(self, shot, query):
        self.shot, self.query = shot, query
        slope = Variable("slope", train=((-1.0, 1.0),), ood=((1.0, 2.0),))
        offset = Variable("offset", train=((-1.0, 1.0),))
        points = Variable("points", train=((0.0, 1.0),), in_descriptor=False)  # decides where the points are
        super().__init__((slope, offset, points))

    def examples(self, tasks):
        """Support x, y [N, shot, 1] and query [N, query, 1]: a function of the numbers of the tasks."""
        x = 2 * hashed_uniforms(draw_number(tasks.column("points")), self.shot + self.query) - 1  # [N, S]
        y = tasks.column("slope")[:, None] * x + tasks.column("offset")[:, None]
        both = Examples(x.float()[..., None], y.float()[..., None])
        support = Examples(*(t[:, : self.shot] for t in both))
        query = Examples(*(t[:, self.shot :] for t in both))
        return support, query
