"""The settings of an experiment: records, YAML files, command-line overrides."""

from metarl.config.files import load

__all__ = ["load"]
