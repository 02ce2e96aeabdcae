"""How each framework trains and predicts, a script each."""
