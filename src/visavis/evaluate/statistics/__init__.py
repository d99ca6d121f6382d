"""Scores of pairs, and the error rates, intervals and curves that are counted from them."""
