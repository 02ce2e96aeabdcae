"""The page of ``nnscratch profile``."""


def profile_page(*a):
    return ""
