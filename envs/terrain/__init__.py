"""Ground with a shape: boxes and height fields, parameters of each world."""
