"""Go on training from the newest checkpoint of a run, beyond its last iteration."""

from metarl.runs import checkpoint, folder
from metarl.training.trainer import Trainer

run = folder.find("maml_point")  # the newest run of this config, or the path of a run folder
trainer = Trainer(run.config, checkpoint.selected_checkpoint(run))
for _ in range(10):
    metrics = trainer.iterate()
    print(f"iteration {metrics['iteration']}: return {metrics['return_after']:.1f} after adaptation")
