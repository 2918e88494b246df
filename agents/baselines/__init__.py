"""Baselines without meta-learning: joint training, the oracle, and fine-tuning."""
