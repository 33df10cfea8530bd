"""Deploy: the files of a run folder, written after a search and read back by anyone.

A folder holds everything that the handed-over model is: what to build (`architecture.json`), its weights, the same as
one ONNX file, its measurements and what it was made with. Reading a folder runs no code that lies in it.
"""

from __future__ import annotations

from searchitect.deploy.files import (
    ALL_FILES,
    ARCHITECTURE,
    ENVIRONMENT,
    LOADER,
    MEASUREMENTS,
    ONNX,
    REPORT,
    WEIGHTS,
)
from searchitect.deploy.loaded import LoadedModel
from searchitect.deploy.loading import load
from searchitect.deploy.onnx_file import Parity
from searchitect.deploy.prediction import predict_file
from searchitect.deploy.writing import Written, copy_files, write_files

__all__ = [
    "ALL_FILES",
    "ARCHITECTURE",
    "ENVIRONMENT",
    "LOADER",
    "MEASUREMENTS",
    "ONNX",
    "REPORT",
    "WEIGHTS",
    "LoadedModel",
    "Parity",
    "Written",
    "copy_files",
    "load",
    "predict_file",
    "write_files",
]
