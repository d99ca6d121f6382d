"""How well visavis does on labelled pictures, and the scale that follows from it.

    protocol -> acquire -> scores -> evaluation -> report, plots        `visavis evaluate`
                             └────-> calibrate, folds                   `visavis calibrate`

`metrics`, `bootstrap`, `discard` and `tail` are the arithmetic in between: arrays in, numbers out.
"""
