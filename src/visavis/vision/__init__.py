"""One stage a file: pure before, one run of a network, pure after. Stages do not import each other."""
