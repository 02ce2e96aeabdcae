"""Tests of nnscratch.runs."""
