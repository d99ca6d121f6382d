"""The networks' files: which they are, where they come from, how they are made ready and run."""
