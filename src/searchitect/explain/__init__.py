"""Why: what a search learned of its decisions (`searches/`), and what a model looks at (`models/`).

Both are plain functions on arrays, usable without a study. `searches` needs no torch; `models` needs torch and, for
most of its methods, captum (extra `explain`).
"""
