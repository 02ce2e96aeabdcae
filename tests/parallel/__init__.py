"""Tests of nnscratch.parallel."""
