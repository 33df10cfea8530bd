"""Rows of an explanation's page that are about decisions: importance, rules, the way to the winner, its neighbours.

A row's places lie between 0 and 100, so that the page draws it by plain HTML; the same style as the report's forest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from searchitect.explain.sentences import change_words, conditions_words, counted, figure, percent, signed, unit
from searchitect.report.numbers import number
from searchitect.report.tree_drawing import draw_tree

if TYPE_CHECKING:
    from searchitect.explain.explanation import Explanation
    from searchitect.explain.searches.counterfactuals import Counterfactual
    from searchitect.explain.searches.importance import Ranking
    from searchitect.explain.searches.neighbourhood import Edit
    from searchitect.explain.wording import Words

__all__ = ["around_rows", "importance_rows", "path_rows", "rule_rows"]

Json = dict[str, Any]

MOST_DECISIONS, MOST_PAIRS, MOST_EDITS, MOST_CHANGES = 14, 5, 12, 16


def importance_rows(explanation: Explanation, say: Words) -> Json | None:
    """Shares of decisions and pairs; None where they could not be told."""
    found = explanation.importances
    if found is None:
        return None
    pairs = [pair for pair in found.everywhere.pairs if pair.low > 0.005][:MOST_PAIRS]
    best = None
    if found.best is not None and found.cut is not None:
        lead = say("importance.best_lead", cut=number(found.cut, explanation.objective.name))
        best = {"lead": lead, "forest": _shares(found.best, say)}
    return {
        "lead": say("importance.lead", metric=explanation.objective.name),
        "all": _shares(found.everywhere, say),
        "best": best,
        "pairs": [
            {"name": f"{p.first} × {p.second}", "share": percent(p.share), "range": _range(p.low, p.high, say)}
            for p in pairs
        ],
        "pairs_lead": say(
            "importance.pairs_lead",
            share=percent(found.everywhere.interactions),
            higher=percent(found.everywhere.higher),
            noise=percent(found.everywhere.unexplained),
        ),
        "agreement": None if found.agreement is None else say("importance.permutation", tau=f"{found.agreement:.2f}"),
        "attention": _attention(explanation, say),
        "motifs": _motifs(explanation, say),
        "warnings": list(found.warnings),
    }


def _shares(ranking: Ranking, say: Words) -> Json:
    shown = ranking.decisions[:MOST_DECISIONS]
    top = max((max(one.high, one.uncorrected or 0.0) for one in shown), default=0.0) or 1.0
    rows = []
    for one in shown:
        note = _range(one.low, one.high, say)
        if one.active < 0.995:
            note += say("page.comma") + say("importance.when_active", share=percent(one.when_active))
        rows.append(
            {
                "name": one.name,
                "low": _at(one.low, 0, top),
                "span": _at(one.high, 0, top) - _at(one.low, 0, top),
                "at": _at(one.share, 0, top),
                "own": None if one.uncorrected is None else _at(one.uncorrected, 0, top),
                "text": say("importance.row", share=percent(one.share)),
                "note": note,
            }
        )
    ticks = [{"at": at, "text": f"{percent(top * at / 100)} %"} for at in (0, 25, 50, 75, 100)]
    return {"rows": rows, "ticks": ticks, "more": len(ranking.decisions) - len(shown)}


def _range(low: float, high: float, say: Words) -> str:
    return say("importance.row_range", low=percent(low), high=percent(high))


def _attention(explanation: Explanation, say: Words) -> str | None:
    found = explanation.attention
    if found is None:
        return None
    taus = ["–" if tau is None else f"{tau:.2f}" for tau in (found.tau_contributions, found.tau_weights)]
    moved, attended = (_shares_of(shares, say) for shares in (found.contributions, found.weights))
    rank = f"{found.rank_correlation:.2f}"
    return say("importance.attention", rank=rank, moved=moved, moved_tau=taus[0], attended=attended, tau=taus[1])


def _shares_of(shares: Mapping[str, float], say: Words) -> str:
    return say.listed([f"{name} ({percent(share)} %)" for name, share in list(shares.items())[:3]])


def _motifs(explanation: Explanation, say: Words) -> Json | None:
    found = explanation.motifs
    if found is None:
        return None

    def told(one: Any) -> str:
        metric = explanation.objective.name
        values = {"with": number(one.with_mean, metric), "without": number(one.without_mean, metric)}
        return say("importance.motif", text=one.text, effect=signed(one.effect), count=one.holders, **values)

    lead = say("importance.motifs_lead", metric=found.objective, rank=f"{found.rank_correlation:.2f}")
    helping, harming = ([told(one) for one in some] for some in (found.helping, found.harming))
    return {"lead": lead, "helping": helping, "harming": harming}


def rule_rows(explanation: Explanation, say: Words) -> Json | None:
    """The rules as sentences, and their tree."""
    found = explanation.rules
    if found is None:
        return None
    return {
        "lead": say(
            "rules.lead",
            known=percent(max(0.0, found.fidelity)),
            metric=found.objective,
            count=counted(explanation, found.count, say),
            foreseen=percent(max(0.0, found.fidelity_held_out)),
            unit=unit(explanation, say),
        ),
        "rules": [
            {
                "text": conditions_words(explanation, place, say),
                "value": say("rules.rule", mean=f"{one.mean:.{one.digits}f}", half=f"{one.half:.{one.digits}f}"),
                "support": counted(explanation, one.count, say),
            }
            for place, one in enumerate(found.rules)
        ],
        "tree": draw_tree(found) if len(found.rules) > 1 else None,
    }


def path_rows(explanation: Explanation, say: Words) -> Json | None:
    """Steps from the baseline to the winner as a staircase, and the fair shares of the same changes."""
    path = explanation.path
    if path is None:
        return None
    values = [path.start, *(step.value for step in path.steps)]
    low, high = min(values), max(values)
    better = explanation.objective.better
    rows, before = [], path.start
    for step in path.steps[:MOST_CHANGES]:
        ends = sorted((_at(before, low, high), _at(step.value, low, high)))
        measured = (
            "" if step.trial is None else say("page.measured", value=figure(step.measured or 0), number=step.trial)
        )
        rows.append(
            {
                "name": say("page.comma").join(change_words(change, say) for change in step.changes),
                "low": ends[0],
                "span": max(0.6, ends[1] - ends[0]),
                "kind": "good" if better(step.change, 0.0) else "bad",
                "text": signed(step.change, step.half),
                "note": measured,
            }
        )
        before = step.value
    name = explanation.objective.name
    shares = sorted(
        zip(path.changes, path.shapley.values, strict=True), key=lambda pair: explanation.objective.loss(pair[1])
    )
    rank = explanation.path_trust
    kind = "path.shapley_exact" if path.shapley.exact else "path.shapley_drawn"
    return {
        "lead": say(
            "path.lead",
            start=number(path.start, name),
            end=number(path.end, name),
            rank="–" if rank is None else f"{rank:.2f}",
        ),
        "rows": rows,
        "ticks": [{"at": at, "text": number(low + (high - low) * at / 100, name)} for at in (0, 50, 100)],
        "shapley_lead": say(kind, total=signed(sum(path.shapley.values))),
        "shapley": [(change_words(change, say), signed(value)) for change, value in shares[:MOST_CHANGES]],
    }


def around_rows(explanation: Explanation, say: Words) -> Json | None:
    """The most promising and the costliest neighbours, and what other limits would cost."""
    found = explanation.around
    if found is None:
        return None
    told = [edit for edit in found.edits if edit.change is not None]
    shown = told if len(told) <= MOST_EDITS else [*told[: MOST_EDITS // 2], *told[-MOST_EDITS // 2 :]]
    reach = max((abs(edit.change or 0.0) + (edit.half or 0.0) for edit in shown), default=0.0) or 1.0
    unclear = len(found.edits) - found.better - found.worse
    lead = say(
        "around.lead",
        metric=found.objective.name,
        total=f"{found.total:,}",
        worse=found.worse,
        better=found.better,
        open=unclear,
    )
    if found.total > len(found.edits):
        lead += " " + say("around.drawn", shown=len(found.edits), total=f"{found.total:,}")
    if len(told) > len(shown):
        lead += " " + say("around.best")
    return {
        "lead": lead,
        "rows": [_edit(edit, reach, explanation, say) for edit in shown],
        "ticks": [{"at": at, "text": signed(reach * (at - 50) / 50)} for at in (0, 50, 100)],
        "otherwise": [_otherwise(one, say) for one in explanation.otherwise],
    }


def _edit(edit: Edit, reach: float, explanation: Explanation, say: Words) -> Json:
    change, half = edit.change or 0.0, edit.half or 0.0
    low, high = _at(change - half, -reach, reach), _at(change + half, -reach, reach)
    sure = abs(change) > half
    kind = ("good" if explanation.objective.better(change, 0.0) else "bad") if sure else "baseline"
    measured = "" if edit.measured is None else say("page.measured", value=signed(edit.measured), number=edit.trial)
    return {
        "name": say("page.comma").join(change_words(one, say) for one in edit.changes),
        "low": low,
        "span": high - low,
        "at": _at(change, -reach, reach),
        "kind": kind,
        "text": signed(change, edit.half),
        "note": measured,
    }


def _otherwise(one: Counterfactual, say: Words) -> str:
    lost = one.objective.better(0.0, one.change)
    changes = [change_words(change, say) for change in one.changes]
    listed = say.listed(changes[:6]) if len(changes) <= 6 else say.listed(
        [*changes[:6], say("page.and_more", count=len(changes) - 6)]
    )  # fmt: skip
    return say(
        "around.lose" if lost else "around.gain",
        limit=f"{one.limit.name} {one.limit.relation} {number(one.limit.limit, one.limit.name)}",
        before=number(one.before, one.limit.name),
        changes=listed,
        amount=signed(abs(one.change), one.half).lstrip("+"),
        metric=one.objective.name,
        shown=say("around.predicted") if one.trial is None else say("around.trial", number=one.trial),
    )


def _at(value: float, low: float, high: float) -> float:
    """Where a value stands between two ends, 0 to 100."""
    return round(100 * min(1.0, max(0.0, (value - low) / ((high - low) or 1.0))), 2)
