"""Tests of nnscratch.data."""
