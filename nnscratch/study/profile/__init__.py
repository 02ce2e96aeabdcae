"""Where the time of a training step goes: each layer, forward and backward, the update, and waiting."""
