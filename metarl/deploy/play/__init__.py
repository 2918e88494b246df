"""A trained policy and its world in the browser: `session` steps them, `viewer` shows them."""
