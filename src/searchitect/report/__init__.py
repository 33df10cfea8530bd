"""The report: one self-contained, offline page that says what a study found and how far it can be believed.

`write_report` writes the page; `graph_of` reads a model as a graph; `checklist` answers the best-practice
list from the result alone; `trials_table` is the table of trials, for the page and for the command line;
`write_comparison` writes the page of a comparison of strategies; `write_portfolio` that of a portfolio.
"""

from __future__ import annotations

from searchitect.report.checklist import Item, checklist
from searchitect.report.comparison_page import write_comparison
from searchitect.report.graph import Edge, Graph, Node, graph_of
from searchitect.report.page import write_report
from searchitect.report.portfolio_page import write_portfolio
from searchitect.report.tables import Row, Table, trials_table

__all__ = [
    "Edge",
    "Graph",
    "Item",
    "Node",
    "Row",
    "Table",
    "checklist",
    "graph_of",
    "trials_table",
    "write_comparison",
    "write_portfolio",
    "write_report",
]
