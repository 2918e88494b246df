"""What differs between tasks: goals (the reward), terrain and dynamics (the physics). One file per variation."""
