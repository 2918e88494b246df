"""How commands say how far they are: on the error output, so that tables and JSON can be piped."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from metarl.cli.common import PlainConsole
from metarl.distributed.launch import is_secondary_rank

if TYPE_CHECKING:
    from metarl.evaluation.progress import ProgressDisplay


def progress_display() -> ProgressDisplay:
    """A bar with the time left, or without a terminal a line now and then."""
    from metarl.evaluation.progress import ProgressDisplay

    return ProgressDisplay(PlainConsole(stderr=True, quiet=is_secondary_rank(), soft_wrap=not sys.stderr.isatty()))
