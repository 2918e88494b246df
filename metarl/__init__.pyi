import os

from metarl.deploy.agent import Agent
from metarl.deploy.spaces import Env

__version__: str

def load(run: str | os.PathLike[str], *, env: Env | None = None, seed: int = 0) -> Agent: ...
