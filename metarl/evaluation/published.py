"""Published results, to put beside those of this code; none of them was computed by it.

Accuracy in % on Omniglot, by (way, shot). Protocols differ in splits, episodes and length of training: `source` names
the paper and the table.
"""

from __future__ import annotations

from typing import NamedTuple

Shape = tuple[int, int]  # way, shot


class Published(NamedTuple):
    """Accuracies of one learner in %, and where they are published."""

    source: str
    accuracy: dict[Shape, float]
    presentations: dict[int, float] = {}  # by the number of times that a class was shown  # noqa: RUF012


def _row(source: str, *values: float) -> Published:
    shapes = ((5, 1), (5, 5), (20, 1), (20, 5))
    return Published(source, dict(zip(shapes, values, strict=True)))


OMNIGLOT: dict[str, Published] = {
    "siamese": _row("Vinyals et al. 2016, fine-tuned", 97.3, 98.4, 88.1, 97.0),
    "matching": _row("Snell et al. 2017, table 1", 98.1, 98.9, 93.8, 98.5),
    "prototypical": _row("Snell et al. 2017, table 1", 98.8, 99.7, 96.0, 98.9),
    "relation": _row("Sung et al. 2018, table 1", 99.6, 99.8, 97.6, 99.1),
    "maml": _row("Finn et al. 2017, table 1", 98.7, 99.9, 95.8, 98.9),
    "fomaml": _row("Nichol et al. 2018, transductive", 98.3, 99.2, 89.4, 97.9),
    "reptile": _row("Nichol et al. 2018", 95.39, 98.90, 88.14, 96.65),
    "reptile, transductive": _row("Nichol et al. 2018, transductive", 97.68, 99.48, 89.43, 97.12),
    "metanet": Published("Munkhdalai and Yu 2017, table 1", {(5, 1): 98.95, (20, 1): 97.0}),
    "mann": Published("Santoro et al. 2016, table 1", {}, {1: 36.4, 2: 82.8, 3: 91.0, 4: 92.6, 5: 94.9, 10: 98.1}),
    "lstm": Published("Santoro et al. 2016, table 1", {}, {1: 24.4, 2: 49.5, 3: 55.3, 4: 61.0, 5: 63.6, 10: 62.5}),
}
LAKE = {"siamese": ("Koch et al. 2015, table 2", 92.0)}  # % of Lake's 400 one-shot trials


class PublishedResult(NamedTuple):
    """A mean return on a classic distribution, the episodes of adaptation before it, and the steps of training."""

    learner: str
    after: int
    value: float
    steps: float
    source: str


_VARIBAD = "VariBAD, 10 seeds, ContraBAR's records"
_PEARL = "PEARL, one seed, an independent re-implementation"
_HYPERNETWORK = "Beck et al. 2022, table 1"
ROBOTS: dict[str, tuple[PublishedResult, ...]] = {
    "pearl-cheetah-dir": (
        PublishedResult("VariBAD", 0, 1900, 1e8, _VARIBAD),
        PublishedResult("VariBAD", 1, 1930, 1e8, _VARIBAD),
        PublishedResult("PEARL", 2, 1663, 1.44e6, _PEARL),
        PublishedResult("hypernetwork", 1, 2300, 7.5e7, _HYPERNETWORK),
    ),
    "pearl-cheetah-vel": (
        PublishedResult("VariBAD", 0, -24.8, 1e8, _VARIBAD),
        PublishedResult("VariBAD", 1, -26.1, 1e8, _VARIBAD),
        PublishedResult("PEARL", 2, -44.1, 0.78e6, _PEARL),
    ),
    "pearl-walker-rand-params": (
        PublishedResult("VariBAD", 0, 988, 1e8, _VARIBAD),
        PublishedResult("VariBAD", 1, 992, 1e8, _VARIBAD),
        PublishedResult("PEARL", 2, 730, 1.09e6, _PEARL),
    ),
    "pearl-ant-goal": (
        PublishedResult("VariBAD", 0, -127.9, 1e8, _VARIBAD),
        PublishedResult("VariBAD", 1, -98.8, 1e8, _VARIBAD),
    ),
    "pearl-humanoid-dir": (PublishedResult("VariBAD", 1, 1451, 1e8, _VARIBAD),),
}
"""Training takes hundreds of times as many steps as on a small machine; VariBAD adapts within the episode too."""


def find(data: str, learner: str, bn: str) -> Published | None:
    """The published accuracies of a learner, where there are any.

    data: the images. learner: its `published_name`. bn: its statistics of batch normalisation.
    """
    return (OMNIGLOT.get(f"{learner}, {bn}") or OMNIGLOT.get(learner)) if data == "omniglot" else None
