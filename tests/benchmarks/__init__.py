"""Tests of benchmarks/, in their short forms."""
