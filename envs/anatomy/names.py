"""Names of what is added to a model. They cannot be taken: a model with such names is refused."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import mujoco

PREFIX = "metarl/"
TERRAIN = f"{PREFIX}terrain_"  # of geoms and height fields
PAYLOAD = f"{PREFIX}payload"


def check_names(names: Iterable[str]) -> None:
    """Raise ValueError for a name that begins as ours do."""
    if taken := sorted({name for name in names if name.startswith(PREFIX)}):
        raise ValueError(
            f"the model has the name {taken[0]!r}: names that begin with {PREFIX!r} are kept for what is added"
        )


def label(model: mujoco.MjModel, kind: mujoco.mjtObj, index: int, word: str) -> str:
    """The name of an element, or for one without a name a word and its index, as no other is called."""
    import mujoco  # here: variations take names from this module, and are listed without mujoco

    name = mujoco.mj_id2name(model, kind, index)
    if not name:
        name = f"{word}{index}"
        while mujoco.mj_name2id(model, kind, name) >= 0:
            name += "_"
    return str(name)


def free(wanted: str, taken: Container[str]) -> str:
    """A name, or with as many underscores behind it as make it one that is not taken."""
    while wanted in taken:
        wanted += "_"
    return wanted
