"""The five sentences that open an explanation, and conditions in words, in any of the languages."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from searchitect.explain.searches.evidence import INACTIVE
from searchitect.explain.wording import Words, words

if TYPE_CHECKING:
    from searchitect.explain.explanation import Explanation
    from searchitect.explain.searches.changes import Change

__all__ = [
    "change_words",
    "conditions_words",
    "counted",
    "figure",
    "five_sentences",
    "percent",
    "signed",
    "there",
    "unit",
]


def five_sentences(explanation: Explanation) -> tuple[str, ...]:
    """What was found, what matters, where it is best, what changed on the way, how far to believe all this."""
    say = words(explanation.language)
    return (
        _found(explanation, say),
        _matters(explanation, say),
        _rule(explanation, say),
        _way(explanation, say),
        _trust(explanation, say),
    )


def figure(value: float, digits: int = 4) -> str:
    """A figure with so many digits that count."""
    return f"{value:.{digits}g}"


def signed(value: float, half: float | None = None) -> str:
    """ "+0.0124 ± 0.0041", with a true minus; the half of an interval tells how many digits count."""
    size = half or abs(value)
    decimals = 0 if size <= 0 else min(8, max(0, 1 - math.floor(math.log10(size))))
    text = f"{value:+,.{decimals}f}".replace("-", "−")
    return text if half is None else f"{text} ± {half:,.{decimals}f}"


def percent(share: float) -> str:
    """A share as percent: two digits below ten, whole numbers above."""
    return f"{100 * share:.1f}" if abs(share) < 0.095 else f"{100 * share:.0f}"


def counted(explanation: Explanation, count: int, say: Words) -> str:
    """ "34 trials" of a study, "2,500 architectures" of a table."""
    return say("page.rows" if explanation.outcome.strategy is None else "page.trials", count=f"{count:,}")


def unit(explanation: Explanation, say: Words) -> str:
    """What a row is: a trial, or an architecture of a table."""
    return say("page.row_unit" if explanation.outcome.strategy is None else "page.trial_unit")


def conditions_words(explanation: Explanation, place: int, say: Words) -> str:
    """The conditions of a rule in words."""
    assert explanation.rules is not None
    said = [condition.text for condition in explanation.rules.rules[place].conditions]
    return say("rules.join").join(said) if said else say("rules.any")


def change_words(change: Change, say: Words) -> str:
    """ "kernel from 3 to 5"."""
    before, after = (there(text, say) for text in change.shown)
    return say("around.change", decision=change.decision, before=before, after=after)


def there(text: str, say: Words) -> str:
    """A text that names options, with the words for one that is not there."""
    return text.replace(INACTIVE, say("page.not_there"))


def _found(explanation: Explanation, say: Words) -> str:
    outcome, metric = explanation.outcome, explanation.objective.name
    if outcome.strategy is None:
        return say("sentence.found_table", trials=f"{outcome.rows:,}", metric=metric, value=figure(outcome.value))
    strategy = outcome.strategy
    if 0 < outcome.uniform < outcome.rows:
        strategy = say("sentence.both", strategy=strategy)
    told = {"trials": f"{outcome.rows:,}", "strategy": strategy, "metric": metric}
    if outcome.mean is None or outcome.std is None:
        return say("sentence.found", number=outcome.trial, value=figure(outcome.value), **told)
    return say(
        "sentence.found_confirmed",
        mean=f"{outcome.mean:.4g}",
        std=_like(outcome.std, outcome.mean),
        seeds=outcome.seeds,
        **told,
    )


def _like(value: float, other: float) -> str:
    """With as many decimals as the other figure is written with."""
    return f"{value:.{len(f'{other:.4g}'.partition('.')[2])}f}"


def _matters(explanation: Explanation, say: Words) -> str:
    found = explanation.importances
    if found is None:
        return say("sentence.matters_none", why=_why(explanation, "importances"))
    first, *others = found.everywhere.decisions
    then = ""
    if others:
        then = say("sentence.then", name=others[0].name, share=percent(others[0].share))
    return say(
        "sentence.matters",
        first=first.name,
        metric=explanation.objective.name,
        share=percent(first.share),
        low=percent(first.low),
        high=percent(first.high),
        then=then,
    )


def _rule(explanation: Explanation, say: Words) -> str:
    found, metric = explanation.rules, explanation.objective.name
    if found is None:
        return say("sentence.rule_none", why=_why(explanation, "rules"))
    best, worst = found.rules[0], found.rules[-1]
    mean, half = f"{best.mean:.{best.digits}f}", f"{best.half:.{best.digits}f}"
    if len(found.rules) == 1:
        return say("sentence.rule_any", metric=metric, mean=mean, half=half)
    return say(
        "sentence.rule",
        conditions=conditions_words(explanation, 0, say),
        metric=metric,
        mean=mean,
        half=half,
        count=counted(explanation, best.count, say),
        worst=f"{worst.mean:.{worst.digits}f}",
        others=conditions_words(explanation, len(found.rules) - 1, say),
    )


def _way(explanation: Explanation, say: Words) -> str:
    path, around, rules = explanation.path, explanation.around, explanation.rules
    if explanation.outcome.strategy is None and rules is not None:
        return say("sentence.way_table", share=percent(max(0.0, rules.fidelity)))
    if path is None or around is None:
        return say("sentence.way_none", why=_why(explanation, "path" if path is None else "around"))
    pairs = zip(path.changes, path.shapley.values, strict=True)
    change, gain = min(pairs, key=lambda pair: explanation.objective.loss(pair[1]))
    return say(
        "sentence.way",
        start=say("sentence.the_start"),
        count=len(path.changes),
        change=change_words(change, say),
        metric=explanation.objective.name,
        gain=signed(gain),
        edits=around.total,
        worse=around.worse,
        better=around.better,
    )


def _trust(explanation: Explanation, say: Words) -> str:
    outcome, model = explanation.outcome, explanation.model
    if outcome.strategy is None:
        rows = say("sentence.trust_table")
    elif outcome.members is not None:
        rows = say("sentence.trust_whole", tried=outcome.tried, members=outcome.members)
    elif outcome.uniform:
        rows = say("sentence.trust_uniform", uniform=outcome.uniform, count=outcome.rows)
    else:
        rows = say("sentence.trust_biased")
    rules = ""
    if explanation.rules is not None:
        rules = say(
            "sentence.trust_rules",
            foreseen=percent(max(0.0, explanation.rules.fidelity_held_out)),
            unit=unit(explanation, say),
        )
    maps = ""
    if model is not None and model.honesty is not None:
        count = len(model.honesty.verdicts)
        maps = say("sentence.trust_model", count=count, passed=count - len(model.failed))
    return say("sentence.trust", rows=rows, rules=rules, model=maps).rstrip()


def _why(explanation: Explanation, part: str) -> str:
    return explanation.refused.get(part, "").rstrip(".") or "–"
