"""Supervised few-shot tasks: images of characters, sinusoids, sequences to copy."""
