"""What differs between tasks: goals (the reward), terrain and dynamics (the physics)."""
