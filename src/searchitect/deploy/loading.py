"""Reading a run folder back: the model that was scored, bit for bit."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from searchitect.deploy.document import Document, read_document
from searchitect.deploy.files import ARCHITECTURE, WEIGHTS
from searchitect.deploy.loaded import LoadedModel
from searchitect.deploy.reference import resolve_space
from searchitect.deploy.weights import load_weights
from searchitect.errors import ExportError
from searchitect.evaluators.building import build
from searchitect.nn.pretrained import filled_later
from searchitect.spaces import Architecture, SearchSpace
from searchitect.tasks import preprocessing

__all__ = ["load"]


def load(folder: str | Path, space: type | None = None) -> LoadedModel:
    """Return the trained model of a run folder.

    Args:
        folder: written by a search or an export.
        space: your search-space class. Catalogue spaces and `layers` need none.

    Raises:
        ExportError: a file is missing, damaged, or does not belong to the others; the space is needed, or is
            another one, in which the decisions do not exist.
        EvaluationError: the space cannot build the model any more.
    """
    folder = Path(folder)
    document = read_document(folder / ARCHITECTURE)
    search_space = SearchSpace.of(space or resolve_space(document.space))
    architecture = _admit(document, search_space)
    model = _build(document, search_space, architecture)
    load_weights(folder / WEIGHTS, model, document.architecture)
    return LoadedModel(model.eval(), architecture, document.labels, document.task)


def _admit(document: Document, search_space: SearchSpace) -> Architecture:
    """Return the saved decisions as an architecture of this space, which may have grown since."""
    architecture = Architecture(search_space.digest, document.architecture.decisions)
    if search_space.contains(architecture):
        return architecture
    reasons = "; ".join(search_space.violations(architecture)) or "the decisions are not in it"
    name = document.space.get("name")
    raise ExportError(
        f"the model was found in the space {str(name)[:80]!r}, and does not exist in {search_space.name!r}: {reasons}",
        hint="pass the class as it was when the model was searched: sa.load(folder, space=…)",
    )


def _build(document: Document, search_space: SearchSpace, architecture: Architecture) -> nn.Module:
    learned = preprocessing.from_json(document.task["preprocessing"])
    # Loading a model is not a reason for the caller's numbers to change.
    with filled_later(), torch.random.fork_rng(devices=[]):
        body = build(search_space, architecture, document.spec)
    return preprocessing.with_preprocessing(learned, body)
