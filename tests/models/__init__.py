"""Tests of nnscratch.models."""
