"""From any picture to the form of MNIST's digits."""
