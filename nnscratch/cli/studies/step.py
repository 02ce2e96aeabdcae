"""Step."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""


def run(args: argparse.Namespace) -> int:
    """Do it; return the exit code."""
    return 0
