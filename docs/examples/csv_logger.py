"""A logger of one's own: a table beside `metrics.jsonl`, for a spreadsheet.

metarl train maml_point --plugin csv_logger --train.logger csv
"""

from __future__ import annotations

import csv

from metarl.config.loggers import LoggedRun, Logger, Metrics


class Table(Logger):
    """`metrics.csv` in the run's folder; its columns are those of the first iteration."""

    name, package = "csv", "csv"

    def __init__(self, run: LoggedRun) -> None:
        self.file = (run.path / "metrics.csv").open("a", newline="")
        self.columns: list[str] = []

    def log(self, metrics: Metrics) -> None:
        table = csv.DictWriter(self.file, self.columns or list(metrics), extrasaction="ignore")
        if not self.columns:
            self.columns = list(metrics)
            table.writeheader()
        table.writerow(metrics)

    def close(self) -> None:
        self.file.close()


LOGGER = Table
