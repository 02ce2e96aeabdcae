"""The figures of the chapters in docs/learn, as functions: what they show is computed by the library."""
