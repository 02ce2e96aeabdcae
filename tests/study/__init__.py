"""Tests of nnscratch.study."""
