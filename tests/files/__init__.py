"""Tests of nnscratch.files."""
