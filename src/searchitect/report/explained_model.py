"""The part of an explanation's page that shows a model: pictures of maps with their verdicts, and what else is known.

Pictures are PNG data inside the page, one pixel per place, enlarged by the browser without smoothing.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from searchitect.report.figures import Figure, View, band, safe
from searchitect.report.numbers import shortened, six

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from searchitect.explain.explanation import Explanation
    from searchitect.explain.models.explaining import ModelExplanation
    from searchitect.explain.models.maps import AttributionMap
    from searchitect.explain.models.substitutes import AdditiveSubstitute, TreeSubstitute
    from searchitect.explain.wording import Words

    Array = npt.NDArray[np.float64]

__all__ = ["map_pictures", "model_figures", "model_rows"]

Json = dict[str, Any]

MOST_COLUMNS, MOST_PARTS, MOST_LAYERS, MOST_LEAVES, MOST_SHOWN = 12, 12, 8, 8, 8
AGAINST, NEUTRAL, SPEAKS = (178, 24, 43), (247, 247, 247), (33, 102, 172)
"""Ends and middle of the colours of signed maps: red speaks against the answer, blue for it."""


def model_rows(explanation: Explanation, say: Words) -> Json | None:
    """Everything that plain HTML shows of a model; None where none was explained."""
    model = explanation.model
    if model is None:
        return None
    checked = model.honesty is not None
    count = min(len(model.answers), MOST_SHOWN)
    return {
        "lead": say("model.lead" if checked else "model.lead_unchecked", count=count),
        "methods": [{"name": one.method, "failed": one.method in model.failed} for one in model.maps],
        "examples": [_example(model, place, say) for place in range(count)],
        "kind": model.kind,
        "honesty": _honesty(model, say),
        "flow": _flow(model, say),
        "importances": [_importance(one) for one in model.importances],
        "importance_title": say("model.importance", count=_background(model)),
        "substitutes": _substitutes(model, say),
        "layers": _layers(model, say),
        "left_out": [say("model.left_out", what=what, why=why.rstrip(".")) for what, why in model.left_out],
        "time": say("model.time", seconds=f"{model.seconds:.1f}"),
    }


def model_figures(explanation: Explanation, say: Words) -> list[Figure]:
    """Partial dependence of the most important columns of a table."""
    model = explanation.model
    figures = []
    for place, one in enumerate(() if model is None else model.dependences):
        x = [six(v) for v in one.grid]
        line = {
            "type": "scatter", "mode": "lines", "x": x, "y": [six(v) for v in one.mean],
            "line": {"color": "--search", "width": 2.5}, "showlegend": False,
        }  # fmt: skip
        layout = {"xaxis": {"title": {"text": safe(one.name)}}}
        caption = say("model.dependence_caption")
        view = View("", [band(x, one.low.tolist(), one.high.tolist(), "--search"), line], layout)
        figures.append(Figure(f"dependence-{place}", shortened(one.name, 60), caption, (view,), height=260))
    return figures


def map_pictures(model: ModelExplanation) -> dict[str, Array]:
    """Maps of image inputs as pictures with values in 0..1, for TensorBoard: method/place to (height, width, 3)."""
    if model.kind != "image":
        return {}
    return {
        f"{one.method}/{place}": _coloured(one.values[place], one.signed).astype(float) / 255
        for one in model.maps
        for place in range(min(len(one.values), MOST_SHOWN))
    }


def _example(model: ModelExplanation, place: int, say: Words) -> Json:
    answer = say("model.answer", answer=model.answers[place], belief=f"{model.beliefs[place]:.2f}")
    return {
        "answer": answer,
        "input": _picture(_grey(model.inputs[place])) if model.kind == "image" else None,
        "cells": [_cell(model, one, place) for one in model.maps],
    }


def _cell(model: ModelExplanation, one: AttributionMap, place: int) -> Json:
    """A picture where places have two axes or are many, else bars by name."""
    import numpy as np

    values = one.values[place]
    if model.kind != "tabular":
        flat = values if values.ndim > 1 else values[None]
        return {"picture": _picture(_coloured(flat, one.signed)), "strip": values.ndim == 1}
    names = model.names
    order = np.argsort(-np.abs(values), kind="stable")[:5]
    top = float(np.abs(values).max()) or 1.0
    bars = [
        {
            "name": shortened(names[i] if i < len(names) else str(i), 24),
            "width": round(100 * float(abs(values[i])) / top),
            "against": one.signed and float(values[i]) < 0,
        }
        for i in order.tolist()
    ]
    return {"bars": bars}


def _grey(image: Array) -> Any:
    """(channels, height, width) in any unit as (height, width, 3) bytes."""
    import numpy as np

    low, high = float(image.min()), float(image.max())
    scaled = (255 * (image - low) / ((high - low) or 1.0)).astype(np.uint8)
    channels = scaled if len(scaled) == 3 else np.repeat(scaled[:1], 3, axis=0)
    return channels.transpose(1, 2, 0)


def _coloured(values: Array, signed: bool) -> Any:
    """(height, width) values as (height, width, 3) bytes; without signs from the smallest to the largest value."""
    import numpy as np

    values = values if signed else values - values.min()
    top = float(np.quantile(np.abs(values), 0.995)) or float(np.abs(values).max()) or 1.0
    share = np.clip(values / top, -1.0 if signed else 0.0, 1.0)[..., None]
    neutral, speaks, against = (np.array(colour, dtype=np.float64) for colour in (NEUTRAL, SPEAKS, AGAINST))
    mixed = np.where(share >= 0, neutral + share * (speaks - neutral), neutral - share * (against - neutral))
    return mixed.astype(np.uint8)


def _picture(pixels: Any) -> str:
    """A PNG as a data address."""
    from PIL import Image

    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(held.getvalue()).decode()


def _honesty(model: ModelExplanation, say: Words) -> Json | None:
    if model.honesty is None:
        return None
    rows = []
    for one in model.honesty.verdicts:
        noted = (*one.reasons, *(("follows_input",) if one.follows_input and not one.failed else ()))
        reasons = [say(f"model.{reason}", **({"needed": one.needed} if one.needed else {})) for reason in noted]
        unsure = one.reasons == ("too_few_inputs",)
        fails = say("model.unsure") if unsure else say("model.fails")
        rows.append(
            {
                "method": one.method,
                "failed": one.failed,
                "verdict": fails if one.failed else say("model.passes"),
                "why": say("page.comma").join(reasons),
                "unchanged": f"{one.unchanged:.2f}",
                "deletion": _gain(one.deletion),
                "insertion": _gain(one.insertion),
            }
        )
    names = list(model.honesty.methods)
    matrix = [
        {"name": name, "cells": [{"text": f"{v:.2f}", "shade": round(max(0.0, v), 2)} for v in row]}
        for name, row in zip(names, model.honesty.agreement, strict=True)
    ]
    return {"rows": rows, "names": names, "matrix": matrix if len(names) > 1 else []}


def _gain(gain: Any) -> str:
    return f"{gain.mean:+.3f} ({gain.low:+.3f} … {gain.high:+.3f})".replace("-", "−")


def _flow(model: ModelExplanation, say: Words) -> Json:
    told = [say(f"model.flow_{model.flow.state}", ratio=f"{model.flow.ratio:.2g}")]
    if model.flow.dead is not None:
        told.append(say("model.flow_dead", share=f"{100 * model.flow.dead:.0f}"))
    return {"text": " ".join(told), "bad": model.flow.state != "healthy"}


def _background(model: ModelExplanation) -> int:
    return model.background


def _importance(one: Any) -> Json:
    import numpy as np

    order = np.argsort(-one.values, kind="stable")[:MOST_PARTS]
    top = float(max(np.max(one.high[order]), 1e-12))
    rows = [
        {
            "name": shortened(one.names[i], 40),
            "low": _at(float(one.low[i]), top),
            "span": _at(float(one.high[i]), top) - _at(float(one.low[i]), top),
            "at": _at(float(one.values[i]), top),
            "text": f"{one.values[i]:.3g}",
        }
        for i in order.tolist()
    ]
    return {"means": one.means, "rows": rows}


def _substitutes(model: ModelExplanation, say: Words) -> list[Json]:
    found = []
    for kind, one in (("tree", model.tree), ("additive", model.additive)):
        if one is None:
            continue
        agreed = one.agreement is not None
        text = say(
            f"model.{kind}_{'agreement' if agreed else 'r2'}",
            held=one.held_out,
            r2=f"{one.r2:.2f}",
            **({"agreement": f"{100 * (one.agreement or 0):.1f}"} if agreed else {}),
        )
        found.append({"text": text, "lines": _lines(one, say)})
    return found


def _lines(one: TreeSubstitute | AdditiveSubstitute, say: Words) -> list[str]:
    leaves = getattr(one, "leaves", None)
    if leaves is None:
        return []
    return [
        say(
            "model.leaf",
            conditions=say("rules.join").join(leaf.conditions) or say("model.always"),
            answer=leaf.answer,
            support=leaf.support,
        )
        for leaf in leaves[:MOST_LEAVES]
    ]


def _layers(model: ModelExplanation, say: Words) -> list[Json]:
    """Activations of the first example and filters, as strips of small pictures."""
    shown: list[tuple[str, Sequence[Array]]] = []
    for layer in _spread(model.layers):
        if layer.values.ndim == 4:
            shown.append((layer.name, list(layer.values[0])))
    for layer in model.filters[:2]:
        if layer.values.ndim == 4:
            shown.append((say("model.filters", layer=layer.name), [one.mean(axis=0) for one in layer.values]))
    return [
        {"name": name, "pictures": [_picture(_coloured(one, True)) for one in pictures[:MOST_COLUMNS]]}
        for name, pictures in shown
    ]


def _spread(layers: Sequence[Any]) -> list[Any]:
    if len(layers) <= MOST_LAYERS:
        return list(layers)
    return [layers[round(place * (len(layers) - 1) / (MOST_LAYERS - 1))] for place in range(MOST_LAYERS)]


def _at(value: float, top: float) -> float:
    return round(100 * min(1.0, max(0.0, value / top)), 2)
