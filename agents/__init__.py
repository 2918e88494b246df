"""Who learns: every learner sees one task and answers two questions, `adapt` and `apply`."""
