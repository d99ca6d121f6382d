"""Fits the similarity scale to impostor scores, and checks a fit by cross-validation."""
