"""What needs no meta-learning: one policy for all tasks, one that observes the task, one that is fine-tuned."""
