"""The settings of an experiment: records, YAML files, command-line overrides."""
