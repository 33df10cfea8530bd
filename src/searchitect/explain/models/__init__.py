"""What a trained model looks at, and whether such a map can be believed.

Everything takes a `Subject`: a model with a few inputs, made by `subject_of`; `explain_model` makes one and asks all.

* `subject`: model and inputs in one form; `methods`: what fits them
* `maps`, `perturbing`, `attention`: maps by gradients, by taking away, by what attention reads
* `honesty`, from `randomisation` and `curves`: whether a map can be believed
* `gradient_flow`: gradients, dead units, activations, filters
* `global_importance`: over many inputs; partial dependence
* `substitutes`: a tree or additive model in place of a network
* `explaining`: all of these at once, in a bounded time
"""

from __future__ import annotations

from searchitect.explain.models.effort import Effort
from searchitect.explain.models.explaining import ModelExplanation, explain_model
from searchitect.explain.models.global_importance import (
    Dependence,
    GlobalImportance,
    global_importance,
    partial_dependence,
    permutation_importance,
)
from searchitect.explain.models.gradient_flow import GradientFlow, activations, filters, gradient_flow
from searchitect.explain.models.honesty import Checks, Honesty, Verdict, check_honesty
from searchitect.explain.models.maps import AttributionMap, attribution_map
from searchitect.explain.models.methods import METHODS, Method, methods_for
from searchitect.explain.models.subject import KINDS, Subject, subject_of
from searchitect.explain.models.substitutes import (
    AdditiveSubstitute,
    TreeSubstitute,
    distilled_additive,
    distilled_tree,
)

__all__ = [
    "KINDS",
    "METHODS",
    "AdditiveSubstitute",
    "AttributionMap",
    "Checks",
    "Dependence",
    "Effort",
    "GlobalImportance",
    "GradientFlow",
    "Honesty",
    "Method",
    "ModelExplanation",
    "Subject",
    "TreeSubstitute",
    "Verdict",
    "activations",
    "attribution_map",
    "check_honesty",
    "distilled_additive",
    "distilled_tree",
    "explain_model",
    "filters",
    "global_importance",
    "gradient_flow",
    "methods_for",
    "partial_dependence",
    "permutation_importance",
    "subject_of",
]
