"""The networks: their files, where these come from, how they are built and run."""
