"""The configuration that `--config` names."""

import argparse
import os
from pathlib import Path

from monitor.config.loading import find_config, load_channels, load_config
from monitor.config.model import Config


def read_config(args: argparse.Namespace) -> Config:
    """The configuration, found as documented. Raises ConfigError."""
    return load_config(config_path(args), os.environ)


def read_channels(args: argparse.Namespace) -> Config | None:
    """Only the channels, of a configuration with errors elsewhere. Raises ConfigError when there is no file."""
    return load_channels(config_path(args), os.environ)


def config_path(args: argparse.Namespace) -> Path:
    """The path of the configuration file. Raises ConfigError when there is none."""
    return find_config(Path(args.config) if args.config else None, os.environ)
