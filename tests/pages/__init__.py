"""Tests of nnscratch.pages."""
