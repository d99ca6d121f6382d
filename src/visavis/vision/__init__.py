"""The stages of the analysis, one file each: pure functions around one run of a network.

Stages do not import each other.
"""
