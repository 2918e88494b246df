"""What a run is called: by its config, also where that is the one of another run."""

from __future__ import annotations

from pathlib import Path

STORED_CONFIG = "config.yaml"  # in every run folder


def name_of_config(path: Path) -> str:
    """The name of a run of this config: that of its file, or of a run's own config that of the run."""
    folder = path.absolute().parent
    is_stored = path.name == STORED_CONFIG and (folder / "command.txt").is_file()
    return (folder.parent.name if is_stored else "") or path.stem
