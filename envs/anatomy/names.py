"""Names of what is added to a model. They cannot be taken: a model with such names is refused."""

from __future__ import annotations

from collections.abc import Iterable

PREFIX = "metarl/"
TERRAIN = f"{PREFIX}terrain_"  # of geoms and height fields
PAYLOAD = f"{PREFIX}payload"


def check_names(names: Iterable[str]) -> None:
    """Raise ValueError for a name that begins as ours do."""
    if taken := sorted({name for name in names if name.startswith(PREFIX)}):
        raise ValueError(
            f"the model has the name {taken[0]!r}: names that begin with {PREFIX!r} are kept for what is added"
        )
