"""Contract tests for the seams: inherit one, say how to make yours, and pytest runs the laws on it.

Shipped for those who add a strategy, a store, an executor or an evaluator. Needs pytest and hypothesis, which are
imported by the modules, not here.
"""
