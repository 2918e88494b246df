"""Train a small policy from Python, and print the return before and after adaptation."""

from metarl.config import load
from metarl.training.trainer import Trainer

trainer = Trainer(load("maml_point", {"train.iterations": 20}))
for _ in range(trainer.config.train.iterations):
    metrics = trainer.iterate()
    print(f"return {metrics['return_before']:.0f} before, {metrics['return_after']:.0f} after adaptation")
