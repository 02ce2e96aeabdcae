"""The sub-commands, a module each.

``add_arguments`` adds its flags to a parser; ``run`` does it, and returns the exit code.
"""
