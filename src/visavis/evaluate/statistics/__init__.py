"""Scores of pairs, and the error rates, intervals and curves counted from the scores."""
