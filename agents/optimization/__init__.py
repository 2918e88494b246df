"""Learners that adapt by gradient steps."""

from agents.optimization.classifier import Classifier
from agents.optimization.maml import MAML
from agents.optimization.reptile import Reptile

__all__ = ["MAML", "Classifier", "Reptile"]
