"""A trained policy outside of training: it acts in environments of one's own, and is exported."""

from metarl.deploy.agent import Agent
from metarl.deploy.loading import load
from metarl.deploy.writing import export

__all__ = ["Agent", "export", "load"]
