"""Tables, plots, videos and reports."""
