"""What ``nnscratch study`` can do: a module for each, with ``add_arguments`` and ``run``."""
