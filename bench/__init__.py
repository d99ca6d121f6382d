"""Measures speed and accuracy. Nothing here is a test: the figures are printed, and a person reads them."""
