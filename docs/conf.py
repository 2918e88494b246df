"""Sphinx configuration. `make docs` builds HTML into build/docs; nothing is fetched from a network."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

logging.getLogger("OpenGL").setLevel(logging.WARNING)  # it reports an optional part that is missing

import docstrings  # noqa: E402  (beside this file)
import generate  # noqa: E402

import metarl  # noqa: E402
from metarl.system import rendering  # noqa: E402

os.environ.setdefault("MUJOCO_GL", rendering.working() or "disabled")  # before anything imports mujoco

project = "metarl-suite"
author = "The metarl-suite developers"
copyright = author
release = version = metarl.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["notebooks", "examples"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
suppress_warnings = ["ref.python"]  # a name that two packages offer, as most packages re-export their own

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "signature"
python_use_unqualified_type_names = True
add_module_names = False

html_theme = "furo"
html_title = f"metarl-suite {release}"
html_show_copyright = False
html_theme_options = {"navigation_with_keys": True}


def _write_pages(app: Any) -> None:
    generate.write(HERE / "_generated")


def setup(app: Any) -> None:
    app.connect("builder-inited", _write_pages)
    app.connect("autodoc-process-docstring", docstrings.to_rst)
    app.connect("autodoc-skip-member", docstrings.skip)
