"""How well a trained learner adapts to tasks it never saw."""
