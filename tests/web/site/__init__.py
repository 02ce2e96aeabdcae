"""Tests of the page as files."""
