"""The networks: their files, the sources of the files, and how networks are built and run."""
