"""What a model was made with: versions and the machine, without anything that names a person or a place."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

__all__ = ["environment"]

PACKAGES = (
    "searchitect",
    "torch",
    "numpy",
    "scikit-learn",
    "safetensors",
    "onnx",
    "onnxscript",
    "onnxruntime",
)


def environment() -> dict[str, Any]:
    """Return versions, platform, processor and threads as a JSON object; packages that are absent are left out."""
    return {
        "version": 1,
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        "platform": {"system": platform.system(), "release": platform.release(), "machine": platform.machine()},
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:  # not Linux
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())
