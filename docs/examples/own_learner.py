"""Train a learner of your own from Python, without registering it."""

from agents.nn.perceptrons import GaussianMLP
from agents.objectives import clipped_policy_gradient
from metarl.config import files
from metarl.training.trainer import Trainer
from shift_learner import Shift

config = files.load(files.find("maml_point"), {"train.iterations": 20})
learner = Shift(GaussianMLP(2, 2), clipped_policy_gradient(0.3), act=2)
trainer = Trainer(config, learner=learner)
for _ in range(config.train.iterations):
    print(trainer.iterate()["return_after"])
