"""Metric learners: queries are classified by their similarity to the support."""

from agents.metric.matching import Matching
from agents.metric.prototypical import Prototypical
from agents.metric.relation import Relation
from agents.metric.siamese import Siamese

__all__ = ["Matching", "Prototypical", "Relation", "Siamese"]
