"""Tests of nnscratch.export."""
