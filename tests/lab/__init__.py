"""Tests of nnscratch.lab."""
