"""A supernet shares one set of weights between all architectures of a space: train once, judge many.

`open_build` makes one of any space by running its `build` with the decisions open.
"""

from __future__ import annotations

from searchitect.supernet.open_build import Supernet, open_build

__all__ = ["Supernet", "open_build"]
