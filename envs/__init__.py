"""What there is to learn: distributions of tasks, and the worlds that supply their experience."""
