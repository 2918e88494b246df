"""Running statistics of batch normalisation that a classifier has measured, kept in the folder of its run.

Measuring takes images of the training and some seconds; what is kept makes both unnecessary.
"""

from __future__ import annotations

import logging

from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from safetensors.torch import save as tensor_bytes

from agents.learner import Params
from agents.nn.embeddings import RUNNING
from metarl.errors import UserError
from metarl.runs.checkpoint.checks import check_finite, check_header
from metarl.runs.run import Run
from metarl.system.files import atomic_file

log = logging.getLogger(__name__)
MOST_BYTES = 2**22  # chosen: those of 64 channels have 4000
SCALE = ".scale"  # of a layer with batch normalisation


class Statistics:
    """Those of one checkpoint, by the number of shots that they were measured with."""

    def __init__(self, run: Run, iteration: int, theta: Params) -> None:
        self.run, self.iteration = run, iteration
        layers = {k.removesuffix(SCALE): v.shape for k, v in theta.items() if k.endswith(SCALE)}
        self.shapes = {f"{RUNNING}{k}.{part}": shape for k, shape in layers.items() for part in ("mean", "var")}

    def name(self, shot: int) -> str:
        """Of the file."""
        return f"statistics_iteration{self.iteration}_{shot}shots.safetensors"

    def find(self, shot: int) -> Params | None:
        """What was kept; None where nothing was. Raises UserError, in one sentence, for a damaged file."""
        name = self.name(shot)
        try:
            content = self.run.read(name, MOST_BYTES)
            check_header(name, content)
            found: Params = parse_tensors(content)
            if {k: v.shape for k, v in found.items()} != self.shapes:
                raise ValueError("it is of another network")
            check_finite(name, found)
            if any((v < 0).any() for k, v in found.items() if k.endswith(".var")):
                raise ValueError("it holds a variance below 0")
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            path = self.run.path / name
            raise UserError(f"{path} could not be read, remove it and it is measured again ({error})") from None
        return found

    def keep(self, shot: int, theta: Params) -> None:
        """Store those of a theta; where that cannot be done, or they have names of a plugin, each fit measures them."""
        measured = {k: v.contiguous() for k, v in theta.items() if k.startswith(RUNNING)}
        if {k: v.shape for k, v in measured.items()} != self.shapes:
            return
        content = tensor_bytes(measured)
        try:
            with atomic_file(self.run.path / self.name(shot), own=1) as file:
                file.write(content)
        except OSError as error:
            log.warning("%s could not be stored: %s", self.run.path / self.name(shot), error.strerror)
