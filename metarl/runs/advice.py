"""What to do where there is no run."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from metarl.config import files as settings

MOST_NAMED = 5  # configs that were trained


def no_run_at(text: str, known: Sequence[str], folders: Sequence[str]) -> str:
    """That there is none, and what may be meant: a config that was never trained, or a run of a similar name.

    known: paths of runs. folders: those of configs, in which runs are.
    """
    config = _config_named(text)
    if config is not None:
        return f"{config} was never trained here: train it first, by metarl train {config}"
    if not known and (close := get_close_matches(text, settings.names(), n=1)):
        return f"there is no run at {text}; did you mean {close[0]}? train it first"
    if not known:
        return f"there is no run at {text}; train one first"
    if close := get_close_matches(text, [*folders, *(Path(f).name for f in folders), *known], n=1):
        return f"there is no run at {text}; did you mean {close[0]}?"
    trained = sorted({Path(path).parent.name for path in known})
    more = ", ..." if len(trained) > MOST_NAMED else ""
    return (
        f"there is no run at {text}; expected a run's folder, or a config that was trained, such as "
        f"{', '.join(trained[:MOST_NAMED])}{more}: see metarl list runs"
    )


def _config_named(text: str) -> str | None:
    """The shipped config or the file of one that a text names."""
    if text in settings.names():
        return text
    return (
        text if settings.can_be_path(text) and Path(text).suffix in (".yaml", ".yml") and Path(text).is_file() else None
    )
