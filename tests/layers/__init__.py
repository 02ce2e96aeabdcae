"""Tests of nnscratch.layers."""
