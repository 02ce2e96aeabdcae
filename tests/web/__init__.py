"""Tests of nnscratch.web."""
