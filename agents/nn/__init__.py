"""Networks as pure functions of a dict of tensors, all safe under `vmap`."""
