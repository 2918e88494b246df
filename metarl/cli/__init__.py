"""The command line, one file a verb: arguments and calls, nothing else.

Only what a command needs is imported, and only when it runs, so that `--help` and `list` answer at once.
"""
