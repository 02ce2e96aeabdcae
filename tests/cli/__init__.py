"""Tests of nnscratch.cli."""
