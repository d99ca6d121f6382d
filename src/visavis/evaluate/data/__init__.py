"""Labelled data sets: which images are compared, with what labels and errata, and their embeddings."""
