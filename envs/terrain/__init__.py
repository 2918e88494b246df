"""Ground with a shape: boxes and height fields."""
