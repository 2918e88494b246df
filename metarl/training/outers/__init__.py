"""Kinds of outer steps by name, one file each: what there is to set, and the step that it makes."""
