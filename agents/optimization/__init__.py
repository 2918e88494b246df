"""Learners that adapt by gradient steps."""

from agents.optimization.cavia import CAVIA
from agents.optimization.direct_gates import DirectGates
from agents.optimization.lstm_meta_learner import LstmMetaLearner
from agents.optimization.maml import MAML
from agents.optimization.reptile import Reptile
from agents.optimization.supervised import Supervised

__all__ = ["CAVIA", "MAML", "DirectGates", "LstmMetaLearner", "Reptile", "Supervised"]
