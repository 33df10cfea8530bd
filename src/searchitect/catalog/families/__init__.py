"""One file per published family: its search space and its `build` together, with the paper it follows.

A family is a function with keyword parameters that returns a space class. torch is imported inside `build`.
"""
