"""Loggers by name, one file each: what shows a training beside its own `metrics.jsonl`."""
