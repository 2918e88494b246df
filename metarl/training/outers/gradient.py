"""One optimiser step on the learner's own loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from envs.settings import NonNegative, Rate
from metarl.config.outer_settings import OuterContext, OuterSettings

if TYPE_CHECKING:
    from metarl.training.outer import Gradient

PIXELS_AT_ONCE = 1280 * 28 * 28  # of tasks that are differentiated together; more is no faster, and takes memory


class Settings(OuterSettings):
    """One optimiser step on the learner's own loss; see `metarl.training.outer.Gradient`.

    lr_halve_every: the rate is halved after so many steps; 0 leaves it alone. lr_anneal: it falls in a line to 0 at the
    last iteration (Nichol et al. 2018).
    """

    kind: Literal["gradient"] = "gradient"
    outer_lr: Rate = 1e-3
    optimizer: Literal["adam", "sgd"] = "adam"
    max_grad_norm: NonNegative = 0.0
    lr_halve_every: Annotated[int, Field(ge=0, le=10**9)] = 0
    lr_anneal: bool = False

    @property
    def anneals(self) -> bool:
        return self.lr_anneal

    def build(self, context: OuterContext) -> Gradient:
        from agents.learner import device_of
        from metarl.training.outer import Gradient

        on_cpu = device_of(context.theta).type == "cpu"
        chunks = on_cpu and context.pixels and context.learner.chunks_tasks
        return Gradient(
            context.learner,
            context.theta,
            outer_lr=self.outer_lr,
            optimizer=self.optimizer,
            max_grad_norm=self.max_grad_norm,
            lr_halve_every=self.lr_halve_every,
            lr_anneal_over=context.iterations if self.lr_anneal else 0,
            chunk=tasks_at_once(context.pixels) if chunks else 0,
            ranks=context.ranks,
            tasks=context.num_tasks,
        )


def tasks_at_once(pixels: int) -> int:
    """How many tasks with images of so many pixels each are differentiated together on a CPU."""
    return max(PIXELS_AT_ONCE // pixels, 1)
