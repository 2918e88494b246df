"""The settings of an experiment as frozen records: what there is to set, and what is allowed.

Nothing here imports torch or mujoco, so that the command line answers at once.
"""

from metarl.config.experiment import (
    SUPERVISED,
    Config,
    MemoryLearner,
    MetricLearner,
    Supervised,
    describe_learners,
    without_seed,
    without_threads,
)
from metarl.config.learners import (
    CaviaLearner,
    EmbeddingNet,
    LstmMetaLearner,
    MamlLearner,
    MatchingLearner,
    MetaNetLearner,
    PolicyNet,
    RelationLearner,
    ReptileLearner,
    SiameseLearner,
)
from metarl.config.tasks import (
    BanditTasks,
    CopyTasks,
    FewShotTasks,
    LocomotionTasks,
    NamedTasks,
    PointTasks,
    SinusoidTasks,
    Vary,
)
from metarl.config.training import GradientOuter, PpoOuter, TrpoOuter

__all__ = [
    "SUPERVISED",
    "BanditTasks",
    "CaviaLearner",
    "Config",
    "CopyTasks",
    "EmbeddingNet",
    "FewShotTasks",
    "GradientOuter",
    "LocomotionTasks",
    "LstmMetaLearner",
    "MamlLearner",
    "MatchingLearner",
    "MemoryLearner",
    "MetaNetLearner",
    "MetricLearner",
    "NamedTasks",
    "PointTasks",
    "PolicyNet",
    "PpoOuter",
    "RelationLearner",
    "ReptileLearner",
    "SiameseLearner",
    "SinusoidTasks",
    "Supervised",
    "TrpoOuter",
    "Vary",
    "describe_learners",
    "without_seed",
    "without_threads",
]
