"""The figure of the archive: a mark for each elite of each arm, and a sentence where there is nothing to draw."""

import dataclasses

import searchitect as sa
from searchitect.report.elites import MAX_NICHES, archive
from tests.strategies.spaces import Flat


def scored(instance):
    return {"score": float(instance.first), "flops": float(instance.third)}


def searched(niches, **changes):
    options = {"niches": niches} if niches is not None else {}
    strategy = "map_elites" if niches is not None else "random"
    return sa.search(
        space=Flat, evaluate=scored, objectives=["score"], strategy=strategy, options=options, trials=40,
        confirm_seeds=0, store="memory:", **changes,
    )  # fmt: skip


def test_each_arm_has_a_mark_in_each_of_its_niches():
    result = searched({"grid": {"flops": [2, 4, 6]}})
    figure = archive(result)
    (view,) = figure.views
    assert [trace["name"] for trace in view.data] == ["search", "random search"]
    assert view.layout["yaxis"]["categoryarray"] == [
        "flops&gt;6",
        "4&lt;flops&lt;=6",
        "2&lt;flops&lt;=4",
        "flops&lt;=2",
    ]
    elites = {member.niche: member.value for member in result.elites()}
    drawn = dict(zip(view.data[0]["y"], view.data[0]["x"], strict=True))
    assert list(drawn.values()) == [value for value in elites.values() if value is not None]
    assert "search: 4 of 4 niches have a model" in figure.caption


def test_many_niches_are_thinned_and_the_caption_says_so():
    figure = archive(searched({"nested": {"flops": [n / 10 for n in range(1, 100)]}}))
    assert len(figure.views[0].layout["yaxis"]["categoryarray"]) == MAX_NICHES
    assert f"{MAX_NICHES} niches are drawn" in figure.caption


def test_nothing_is_drawn_without_niches_without_elites_or_without_the_space():
    assert archive(searched(None)) is None
    empty = archive(searched(["flops<=0"]))
    assert (empty.views, empty.caption) == ((), "No complete trial lies in a niche.")
    regions = searched({"cvt": {"count": 3, "samples": 100}})
    assert len(archive(regions).views) == 1
    unknown = archive(dataclasses.replace(regions, best=None))
    assert unknown.views == ()
    assert "whose class is not known here" in unknown.caption
