"""A robot that must move: the family of tasks, its worlds, and how they look."""
