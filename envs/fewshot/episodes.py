"""N-way K-shot episodes from a set of images.

A task is a row of numbers: its classes and their rotations, in the order of their labels, and a seed that decides
which drawings are support and which are query. Support and query never share a drawing of a class. Two rotations of one
character are two classes, and may occur in one task.

Axes: `N` tasks, `way` classes, `S = way * shot` support items, `Q = way * query` query items, `J` drawings of the class
that has most, `c` channels, `H` x `H` pixels.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from envs.core import Examples, Space, Tasks, Variable
from envs.fewshot import augmentations, distortions
from envs.fewshot.images import SPLITS, ImageSet, PhotoSet
from envs.variables import DRAW_BITS, hashed_uniforms

QUARTERS = 4  # a character rotated by 90 degrees is another class (Santoro et al. 2016, Vinyals et al. 2016)


class FewShotImages:
    """`way` classes per task, `shot` support and `query` query drawings of each.

    turns: the splits in which characters rotated by quarter turns count as classes of their own.
    distort, augment: whether drawings of training classes are distorted (`envs.fewshot.distortions`), or augmented
        (`envs.fewshot.augmentations`) at random; those of other splits never are.
    one_alphabet: the characters of a task are of one alphabet, and turned alike.

    Raises ValueError for images of another shape or type, and if there are too few classes or drawings.
    """

    horizon = 1
    variables: tuple[Variable, ...] = ()
    descriptor_names: tuple[str, ...] = ()

    def __init__(
        self,
        images: ImageSet | PhotoSet,
        way: int,
        shot: int,
        query: int,
        turns: tuple[str, ...] = SPLITS,
        distort: bool = False,
        augment: bool = False,
        one_alphabet: bool = False,
    ) -> None:
        images.check()
        self.images, self.way, self.shot, self.query = images, way, shot, query
        self.turns, self.distort, self.augment, self.one_alphabet = turns, distort, augment, one_alphabet
        channels, size = images.flat.shape[1], images.pixels.shape[-1]
        rarest = int(images.counts.argmin())
        drawings = int(images.counts[rarest])
        if shot + query > drawings:
            raise ValueError(
                f"shot {shot} + query {query} exceeds the {drawings} drawings of {images.name(rarest)}: reduce one of "
                "them"
            )
        self.most_shots = drawings - query
        self._classes = {split: images.classes(split) for split in self.splits()}
        self._alphabets = {split: self._members(split) for split in self.splits()} if one_alphabet else {}
        self._check_way()
        self._flat, self._counts = images.flat, images.counts  # [M, c, H * H], [C]
        self._starts = self._counts.cumsum(0) - self._counts  # [C] where a class begins
        grid = torch.arange(size * size).view(size, size)
        self._turned = torch.stack([grid.rot90(quarter).flatten() for quarter in range(QUARTERS)])  # [4, H * H]
        self.names = (*(f"class{i}" for i in range(way)), "drawings")
        self.space = Space(channels * size * size, way)

    def _check_way(self) -> None:
        """Raise ValueError if there are too few classes for a task."""
        for split in self.splits():
            if self.one_alphabet:
                most, what = int(self._alphabets[split].sum(1).max()), "characters of the largest alphabet"
            else:
                most, what = len(self._classes[split]) * self._quarters(split), "classes"
            if self.way > most:
                raise ValueError(f"way {self.way} exceeds the {most} {what} of split {split}: reduce it")

    def _members(self, split: str) -> Tensor:
        """Which classes of a split are of each of its alphabets, [A, classes] bool."""
        assert isinstance(self.images, ImageSet)  # folders have no alphabets
        of = self.images.alphabet[self._classes[split]]
        return of == torch.tensor(sorted(set(of.tolist())))[:, None]

    def _quarters(self, split: str) -> int:
        return QUARTERS if split in self.turns else 1

    def splits(self) -> tuple[str, ...]:
        """The splits that have classes; they share none."""
        return tuple(split for split in SPLITS if len(self.images.classes(split)))

    def sample(self, num_tasks: int, split: str, generator: torch.Generator) -> Tasks:
        """Classes without replacement, in random order; `class % 4` is the quarter turn."""
        if split not in self.splits():
            raise ValueError(f"split is {split!r}, expected one of {', '.join(self.splits())}")
        draw = self._one_alphabet if self.one_alphabet else self._any_classes
        chosen = draw(num_tasks, split, generator)
        drawings = torch.randint(2**DRAW_BITS, (num_tasks, 1), generator=generator)
        return Tasks(self.names, torch.cat([chosen, drawings], 1).double())

    def _any_classes(self, num_tasks: int, split: str, generator: torch.Generator) -> Tensor:
        """[N, way]; all turned characters are as likely."""
        classes, quarters = self._classes[split], self._quarters(split)
        order = torch.rand(num_tasks, len(classes) * quarters, generator=generator)
        index = order.topk(self.way, dim=1).indices
        return QUARTERS * classes[index // quarters] + index % quarters

    def _one_alphabet(self, num_tasks: int, split: str, generator: torch.Generator) -> Tensor:
        """[N, way]; all alphabets that are large enough are as likely, and all turns."""
        classes, members = self._classes[split], self._alphabets[split]
        members = members[members.sum(1) >= self.way]
        which = torch.randint(len(members), (num_tasks,), generator=generator)
        turn = torch.randint(self._quarters(split), (num_tasks, 1), generator=generator)
        order = torch.rand(num_tasks, len(classes), generator=generator)
        index = order.masked_fill(~members[which], -1.0).topk(self.way, dim=1).indices
        return QUARTERS * classes[index] + turn

    def examples(self, tasks: Tasks) -> tuple[Examples, Examples]:
        """Support [N, S, c, H, H] with labels [N, S], and query; support in random order."""
        numbers = tasks.values.long()
        classes, seeds = numbers[:, :-1], numbers[:, -1]
        n, drawings = len(tasks), int(self._counts.max())
        ranks = hashed_uniforms(seeds, self.way * drawings).view(n, self.way, drawings)
        missing = torch.arange(drawings) >= self._counts[classes // QUARTERS][..., None]  # [N, way, J]
        order = ranks.masked_fill(missing, math.inf).argsort(-1)
        labels = torch.arange(self.way)[None, :, None].expand(n, self.way, drawings)
        support, query = (slice(0, self.shot), slice(self.shot, self.shot + self.query))
        mixed = hashed_uniforms(seeds + 2**DRAW_BITS, self.way * self.shot).argsort(-1)  # [N, S]
        picked = self._pictures(classes, order[..., : self.shot + self.query])  # [N, way, shot + query, c, H, H]
        x, query_x = (self._ink(picked[:, :, part]) for part in (support, query))
        y = labels[..., support].reshape(n, -1)
        if self.distort or self.augment:
            both = self._varied(torch.cat([x, query_x], 1), classes, seeds)
            x, query_x = both[:, : x.shape[1]], both[:, x.shape[1] :]
        x = torch.take_along_dim(x, mixed[:, :, None, None, None], 1)
        return (
            Examples(x, torch.take_along_dim(y, mixed, 1)),
            Examples(query_x, labels[..., query].reshape(n, -1)),
        )

    def _varied(self, x: Tensor, classes: Tensor, seeds: Tensor) -> Tensor:
        """x [N, M, c, H, H] with other drawings in the tasks whose classes [N, way] are training classes."""
        known = self.images.split[classes // QUARTERS] == SPLITS.index("train")
        which = known.all(1)  # classes of one task are all of one split
        n, m = int(which.sum()), x.shape[1]
        if not n:
            return x
        drawings = x[which].flatten(0, 1)
        if self.distort:
            uniforms = hashed_uniforms(seeds[which] + 2 ** (DRAW_BITS - 1), m * distortions.COMPONENTS)
            maps = distortions.to_matrices(distortions.sample_components(uniforms.view(n * m, -1)))
            drawings = distortions.distort(drawings, maps)
        if self.augment:
            uniforms = hashed_uniforms(seeds[which] + 3 * 2 ** (DRAW_BITS - 1), m * augmentations.COMPONENTS)
            drawings = augmentations.augment(drawings, uniforms.view(n * m, -1))
        x[which] = drawings.view(n, m, *x.shape[2:])
        return x

    def _pictures(self, classes: Tensor, drawings: Tensor) -> Tensor:
        """classes [N, way] and drawings [N, way, k] -> [N, way, k, c, H, H] uint8, rotated."""
        character, turn = classes // QUARTERS, classes % QUARTERS
        size = self.images.pixels.shape[-2:]
        which = (self._starts[character][..., None] + drawings).flatten()
        picked = self._flat.index_select(0, which).view(*drawings.shape, *self._flat.shape[1:])  # [N, way, k, c, H * H]
        if self.turns:
            picked = picked.gather(-1, self._turned[turn][..., None, None, :].expand_as(picked))  # faster than indexing
        return picked.view(*drawings.shape, -1, *size)

    def _ink(self, picked: Tensor) -> Tensor:
        """[N, way, k, ...] -> [N, way * k, ...] float in [0, 1]."""
        x = picked.flatten(1, 2).float()
        return x if self.images.levels == 1 else x / self.images.levels
