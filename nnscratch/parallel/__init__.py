"""Several workers: threads, processes, MPI, Dask."""
