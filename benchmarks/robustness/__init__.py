"""What nnscratch survives: faults, spoiled input, random networks."""
