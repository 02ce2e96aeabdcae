"""Tests of nnscratch.training."""
