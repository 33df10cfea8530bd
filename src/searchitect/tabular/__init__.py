"""A table holds what others measured: published benchmarks as evaluators, and the harness that compares strategies.

A description of a few lines makes a benchmark of any table. Nothing here trains; nothing here knows torch.
"""

from searchitect.tabular.benchmark import Benchmark
from searchitect.tabular.evaluator import TableEvaluator
from searchitect.tabular.opening import Listed, benchmarks, open_benchmark

__all__ = ["Benchmark", "Listed", "TableEvaluator", "benchmarks", "open_benchmark"]
