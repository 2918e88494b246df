"""Locomotion: families of tasks, their worlds, and how these are rendered."""
