"""What is installed and what works."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from metarl.cli.common import console, no_overrides


@dataclass
class Doctor:
    """Versions, devices, threads, rendering, and what to install if something is missing."""

    json: bool = False
    """print JSON instead of a table"""

    def __call__(self, overrides: dict[str, Any]) -> int:
        no_overrides(overrides)
        from metarl.system import doctor

        rows = doctor.checks()
        if self.json:
            print(json.dumps([{"check": a, "ok": ok, "found": b} for a, ok, b in rows], indent=1))
        else:
            table = Table(box=None, show_header=False)
            for name, ok, found in rows:
                table.add_row(Text("ok", "green") if ok else Text("missing", "red"), name, found)
            console.print(table)
        return 0 if all(ok for _, ok, _ in rows) else 1
