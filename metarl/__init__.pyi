import os
from typing import Any

from metarl.deploy.spaces import Env

__version__: str

# An `Agent`, or a `Classifier` of a run on images: the run decides, which no type checker can know.
def load(run: str | os.PathLike[str], *, env: Env | None = None, seed: int = 0) -> Any: ...
