"""A supernet shares one set of weights between all architectures of a space: train once, judge many.

`open_build` makes one of any space by running its `build` with the decisions open.
"""

from __future__ import annotations

from searchitect.supernet.data import SharedData, load
from searchitect.supernet.open_build import Supernet, open_build
from searchitect.supernet.recalibration import recalibrate

__all__ = ["SharedData", "Supernet", "load", "open_build", "recalibrate"]
