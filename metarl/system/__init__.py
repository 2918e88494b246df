"""The machine: rendering, installed packages, memory, downloads."""
