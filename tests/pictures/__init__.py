"""Tests of nnscratch.pictures."""
