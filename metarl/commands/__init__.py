"""What each verb of the command line does.

Only what a command needs is imported, and only when it runs, so that `--help` and `list` answer at once.
"""
