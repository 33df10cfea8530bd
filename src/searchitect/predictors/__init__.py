"""A predictor is a learned score: fitted on encoded architectures and what they measured, it says what others would.

Strategies use predictors to choose what to try next. They know numbers only: no space, no trial, no study.
"""

from __future__ import annotations

from searchitect.predictors.predictor import Posterior, Predictor

__all__ = ["Posterior", "Predictor"]
