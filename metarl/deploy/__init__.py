"""What was learned, outside of training: a policy acts and is exported, a classifier tells images apart."""

from metarl.deploy.agent import Agent
from metarl.deploy.classifier import Classifier
from metarl.deploy.loading import load
from metarl.deploy.writing import export

__all__ = ["Agent", "Classifier", "export", "load"]
