"""Few-shot tasks: images of characters, and sinusoids."""
