"""Maps: which places of an input speak for the model's answer, by any of `METHODS`; those by gradients are here.

They are torch's and captum's (extra `explain`); what takes places away is in `perturbing`, what reads attention in
`attention`.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from searchitect.errors import ConfigError, MissingExtraError
from searchitect.explain.models.convolutions import last_convolution
from searchitect.explain.models.effort import Effort, Found, Groups
from searchitect.explain.models.methods import METHODS, check_fits
from searchitect.explain.models.subject import Floats, Subject
from searchitect.seeding import derive, isolated

__all__ = ["AttributionMap", "attribution_map", "needs_captum", "numbers"]


@dataclass(frozen=True, slots=True, eq=False)
class AttributionMap:
    """One method's maps of n inputs.

    Attributes:
        method: name in `methods.METHODS`, or any other for a map of the caller's own.
        values: (n, *places).
        signed: whether a negative value speaks against the answer.
        groups: (*places) numbers of parts that share a value; None where every place has its own.
        gap: integrated gradients, Kernel SHAP: largest |sum of the map - (score - score of the reference)|.
        seconds: processor time it took.
    """

    method: str
    values: Floats
    signed: bool = True
    groups: Groups | None = None
    gap: float | None = None
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        found = {"method": self.method, "shape": list(self.values.shape), "signed": self.signed}
        gap = None if self.gap is None else float(f"{self.gap:.3g}")
        return found | {"gap": gap, "seconds": round(self.seconds, 3), "values": numbers(self.values)}


def numbers(values: Any) -> Any:
    """An array as nested lists of finite numbers with four digits."""
    array = np.nan_to_num(np.asarray(values, dtype=np.float64), posinf=0.0, neginf=0.0)
    with np.errstate(divide="ignore"):
        size = np.where(array == 0, 0, np.floor(np.log10(np.abs(array, where=array != 0, out=np.ones_like(array)))))
    scale = 10.0 ** (3 - size)
    return (np.round(array * scale) / scale).tolist()


def attribution_map(subject: Subject, method: str, *, effort: Effort | None = None, seed: int = 0) -> AttributionMap:
    """Make the maps of all inputs of a subject by one method; the same seed gives the same map.

    Raises:
        ConfigError: as `check_fits`.
        MissingExtraError: the method needs captum, and it is not installed.
    """
    chosen = check_fits(method, subject.model, subject.kind, subject.inputs)
    needs_captum(method)
    module, name = chosen.compute.split(":")
    compute: Callable[[Subject, Effort, int], Found] = getattr(importlib.import_module(module), name)
    start = time.process_time()
    with isolated(derive(seed, "map", method)), torch.enable_grad():
        found = compute(subject, effort or Effort(), derive(seed, "map", method))
    if not np.isfinite(found.values).all():
        raise ConfigError(
            f"{method} gives values that are not finite", hint="does the model answer with finite scores?"
        )
    seconds = time.process_time() - start
    return AttributionMap(method, found.values, chosen.signed, found.groups, found.gap, seconds)


def saliency(subject: Subject, effort: Effort, seed: int) -> Found:
    """|∂ score / ∂ value|, the largest among channels (Simonyan et al. 2014, section 3.1)."""
    return Found(subject.reduced(_gradient(subject), largest=True))


def input_x_gradient(subject: Subject, effort: Effort, seed: int) -> Found:
    """(value - reference) · ∂ score / ∂ value (Shrikumar et al. 2016); the first step of integrated gradients."""
    return Found(subject.reduced((subject.points - subject.reference) * _gradient(subject)))


def integrated_gradients(subject: Subject, effort: Effort, seed: int) -> Found:
    """Gradients along the line from the reference (Sundararajan et al. 2017, equation 1); Gauss-Legendre steps."""
    from captum.attr import IntegratedGradients

    points = subject.points.clone().requires_grad_()
    baseline = subject.reference.expand_as(points)
    values, gaps = IntegratedGradients(subject.answer).attribute(
        points, baseline, target=subject.targets, n_steps=effort.steps, return_convergence_delta=True
    )
    return Found(subject.reduced(values), None, float(gaps.detach().abs().max()))


def smoothgrad(subject: Subject, effort: Effort, seed: int) -> Found:
    """|mean of the gradients of noisy copies| (Smilkov et al. 2017, equation 1)."""
    from captum.attr import NoiseTunnel, Saliency

    points = subject.points.clone().requires_grad_()
    values = NoiseTunnel(Saliency(subject.answer)).attribute(
        points,
        nt_type="smoothgrad",
        nt_samples=effort.draws,
        stdevs=effort.noise * float(points.detach().std()) if points.numel() > 1 else effort.noise,
        target=subject.targets,
        abs=False,
    )
    return Found(subject.reduced(values, largest=True))


def grad_cam(subject: Subject, effort: Effort, seed: int) -> Found:
    """Channels of the last convolution with places, weighted by their mean gradients (Selvaraju et al. 2017, eq. 2).

    The mean presumes that a pooling follows; where places go on one by one, only `hires_cam` fits.
    """
    from captum.attr import LayerGradCam

    layer = _last_convolution(subject)
    found: Any = LayerGradCam(subject.answer, layer).attribute(
        subject.points.clone().requires_grad_(), target=subject.targets, relu_attributions=True
    )
    return _on_places(subject, found.detach())


def hires_cam(subject: Subject, effort: Effort, seed: int) -> Found:
    """Each value of the last convolution with places times its own gradient (Draelos and Carin 2020, equation 5)."""
    from captum.attr import LayerGradientXActivation

    layer = _last_convolution(subject)
    found: Any = LayerGradientXActivation(subject.answer, layer).attribute(
        subject.points.clone().requires_grad_(), target=subject.targets
    )
    return _on_places(subject, found.detach().sum(1, keepdim=True).relu())


def _on_places(subject: Subject, coarse: Tensor) -> Found:
    """A map (n, 1, *size) of a layer, interpolated to the places of the input."""
    size = coarse.shape[2:]
    numbered = torch.arange(int(np.prod(size)), dtype=torch.float32).reshape(1, 1, *size)
    smooth = "bilinear" if len(size) == 2 else "linear"
    values = F.interpolate(coarse, subject.places[: len(size)], mode=smooth, align_corners=False)[:, 0]
    groups = F.interpolate(numbered, subject.places[: len(size)], mode="nearest")[0, 0].long()
    if len(size) < len(subject.places):  # a series: all features of a time alike
        values = values[..., None].expand(-1, *subject.places)
        groups = groups[..., None].expand(subject.places)
    return Found(values.double().numpy(), groups.numpy().copy())


def _gradient(subject: Subject) -> Tensor:
    points = subject.points.clone().requires_grad_()
    scores = subject.answer(points).gather(1, subject.targets[:, None]).sum()
    [slope] = torch.autograd.grad(scores, points)
    return slope


def _last_convolution(subject: Subject) -> nn.Module:
    layer = last_convolution(subject.model, subject.inputs)
    assert layer is not None  # `check_fits` refuses models without
    return layer


def needs_captum(method: str) -> None:
    """Refuse a method of `METHODS` that is captum's where captum is not installed.

    Raises:
        MissingExtraError: it is not.
    """
    if not METHODS[method].extra:
        return
    try:
        importlib.import_module("captum")
    except ImportError:
        raise MissingExtraError(f"the map {method!r}", "explain") from None
