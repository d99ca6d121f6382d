"""Labelled data sets: which images are compared, their labels and errata, and their embeddings."""
