"""The operations compiled with Numba: the names and signatures of the readable files."""
