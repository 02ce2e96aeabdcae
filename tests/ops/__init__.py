"""Tests of nnscratch.ops."""
