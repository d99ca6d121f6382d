"""Targets that atheris feeds with bytes, their oracles, and the inputs that are kept. `python -m fuzz` runs them."""
