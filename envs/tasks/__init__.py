"""Kinds of tasks by name, one file each: what there is to set, and the distribution that it makes."""
