"""Checkpoints: tensors in safetensors, numbers in JSON, never code.

    checkpoints/iteration_0000120/{theta,outer,random}.safetensors, state.json, manifest.json

A checkpoint is written atomically: into a temporary folder, which is synced and renamed. Its manifest holds the size
and the SHA-256 of every file. The newest checkpoint that passes all checks counts; no pointer names it. The last two
and the best are kept.

A run folder may come from anybody. Only the files named above are read, never through links and never beyond a maximum
size; what a file claims about itself is compared with what is expected before tensors are made of it, and NaN and
infinity are refused.
"""

from metarl.runs.checkpoint.reading import (
    load,
    load_newest,
    newest,
    selected_checkpoint,
    selected_iteration,
)
from metarl.runs.checkpoint.state import FILES, TENSORS, UNREADABLE, Load, State, packed, unpacked
from metarl.runs.checkpoint.storing import save, sweep
from metarl.runs.checkpoint_index import MANIFEST, newest_iteration

__all__ = [
    "FILES",
    "MANIFEST",
    "TENSORS",
    "UNREADABLE",
    "Load",
    "State",
    "load",
    "load_newest",
    "newest",
    "newest_iteration",
    "packed",
    "save",
    "selected_checkpoint",
    "selected_iteration",
    "sweep",
    "unpacked",
]
