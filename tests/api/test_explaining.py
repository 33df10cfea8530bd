"""`result.explain()`, `api.explain` and `explain_table`: from a study to a page, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from torch import nn

import searchitect as sa
from searchitect.api import explain, explain_table, open_result
from searchitect.api.supernet_files import FORMAT
from searchitect.errors import ConfigError
from searchitect.explain.explanation import Explanation
from searchitect.objectives import Objective
from searchitect.result import Result

PARTS = ("importances", "rules", "path", "around", "search", "attention")


@sa.space
class Planted:
    depth: int = sa.choice(1, 2, 3, 4)
    kernel: int = sa.choice(3, 5, 7)
    pool: str = sa.choice("max", "average")
    width: int = sa.choice(16, 32, 64)


def planted(instance: Planted, context: object) -> dict[str, float]:
    """`depth` decides most, `kernel` a little, `pool` and `width` nothing; `width` costs."""
    value = 0.8 + 0.04 * instance.depth + 0.01 * (instance.kernel == 5)
    return {"accuracy": value + 0.001 * ((instance.width * 7) % 3), "cost": float(instance.width * instance.depth)}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Result:
    folder = tmp_path_factory.mktemp("planted")
    return sa.search(
        space=Planted,
        evaluate=planted,
        objectives=["accuracy"],
        trials=40,
        strategy="regularized_evolution",
        store=folder / "store.db",
        folder=folder / "run",
        name="planted",
    )


@pytest.fixture(scope="module")
def told(study: Result) -> Explanation:
    return study.explain(limits=["cost<=40"])


@pytest.fixture(scope="module")
def pages(told: Explanation, study: Result, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("pages")
    written = {
        "en": told.write(folder / "en" / "why.html"),
        "zh": study.explain(language="zh", model=False).write(folder / "zh.html"),
    }
    assert json.loads((folder / "en" / "why.json").read_text("utf-8"))["outcome"]["name"] == "planted"
    return {language: page.read_text("utf-8") for language, page in written.items()}


class TestAStudy:
    def test_every_part_of_the_search_is_told(self, told: Explanation) -> None:
        assert all(getattr(told, part) is not None for part in PARTS)
        assert set(told.refused) == {"model"}  # the evaluation was a function of the user's

    def test_the_planted_decision_comes_first_and_the_idle_one_far_behind(self, told: Explanation) -> None:
        shares = {one.name: one.share for one in told.importances.everywhere.decisions}
        assert max(shares, key=shares.__getitem__) == "depth"
        assert shares["depth"] > 0.7
        assert shares["pool"] < 0.05

    def test_it_opens_with_five_sentences_that_name_what_was_planted(self, told: Explanation) -> None:
        found, matters, rule, way, trust = told.sentences
        assert "regularized_evolution" in found
        assert matters.startswith("depth matters most")
        assert "depth" in rule
        assert "depth from 1 to" in way
        assert "72 of the 72 architectures" in trust  # the small space was tried whole

    def test_the_figures_of_the_rule_are_those_of_the_trials(self, told: Explanation, study: Result) -> None:
        best = told.rules.rules[0]
        numbers = {t.number for t in study.trials if t.is_complete and t.phase != "confirm" and t.reused is None}
        assert set(best.numbers) <= numbers
        assert best.mean == pytest.approx(max(rule.mean for rule in told.rules.rules))

    def test_another_limit_has_its_price(self, told: Explanation) -> None:
        assert told.otherwise
        assert all(one.limit.name == "cost" and one.value <= 40 for one in told.otherwise)

    def test_the_document_is_plain_json(self, told: Explanation) -> None:
        again = json.loads(json.dumps(told.document(), allow_nan=False))
        assert again["sentences"] == list(told.sentences)
        assert again["outcome"]["name"] == "planted"

    def test_a_stored_study_of_a_class_that_is_not_at_hand_is_explained_without_it(
        self, study: Result, tmp_path: Path
    ) -> None:
        stored = open_result("planted", study.folder.parent / "store.db")
        found = explain(stored, store=study.folder.parent / "store.db")
        assert found.rules is not None
        assert found.around is not None
        assert "matters most" in found.sentences[1]

    def test_the_same_study_is_explained_the_same_twice(self, told: Explanation, study: Result) -> None:
        assert study.explain(limits=["cost<=40"]).document() == told.document()

    def test_a_trial_and_a_beginning_can_be_named(self, study: Result) -> None:
        worst = min((t for t in study.trials if t.is_complete), key=lambda t: t.measurements["accuracy"])
        found = study.explain(baseline=worst.number, model=False)
        assert found.path.start_measured == worst.measurements["accuracy"]
        other = study.explain(trial=worst.number, model=False)
        assert other.outcome.trial is not None
        assert study.trials[other.outcome.trial].architecture == worst.architecture


class TestThePage:
    def test_it_needs_no_network_and_stays_small(self, pages: dict[str, str]) -> None:
        for page in pages.values():
            assert len(page.encode()) < 8_000_000
            own = re.sub(
                r"<script>.*?</script>", "", page, flags=re.DOTALL
            )  # plotly.js holds addresses that it never uses
            assert not re.search(r"""(?:src|href)=["'](?!#|data:)""", own)
            assert "default-src 'none'" in page

    def test_it_shows_every_section(self, pages: dict[str, str]) -> None:
        for section in ("importance", "rules", "path", "around", "search", "missing"):
            assert f'<section id="{section}">' in pages["en"]

    def test_it_speaks_chinese(self, pages: dict[str, str]) -> None:
        assert '<html lang="zh">' in pages["zh"]
        assert "最重要" in pages["zh"]
        visible = re.sub(r"<script.*?</script>|<style.*?</style>|<[^>]+>", " ", pages["zh"], flags=re.DOTALL)
        english = {"the", "of", "and", "trials", "with", "search"} & set(visible.split())
        assert not english

    def test_names_from_a_study_are_escaped(self, told: Explanation, tmp_path: Path) -> None:
        from dataclasses import replace

        hostile = replace(told, outcome=replace(told.outcome, name="<script>alert(1)</script>"))
        assert "<script>alert" not in hostile.write(tmp_path / "x.html").read_text("utf-8")


def test_a_gradient_search_shows_how_it_made_up_its_mind(study: Result, tmp_path: Path) -> None:
    shares = [[0.5, 0.5], [0.7, 0.3], [0.95, 0.05]]
    progress = [{"epoch": epoch, "probabilities": {"edge": share}} for epoch, share in enumerate(shares, 1)]
    document = {"format": FORMAT, "runs": [{"progress": progress}], "options": {"edge": ["conv", "skip"]}}
    (tmp_path / "gradients.json").write_text(json.dumps(document), "utf-8")
    found = study.explain(gradients=tmp_path, model=False)
    assert found.drift.decisions[0].chosen == "conv"
    assert 'id="plot-drift"' in found.write(tmp_path / "why.html").read_text("utf-8")
    (tmp_path / "gradients.json").write_text(json.dumps(document | {"runs": [{"progress": [{"epoch": 1}]}]}), "utf-8")
    with pytest.raises(sa.SearchitectError, match="damaged"):
        study.explain(gradients=tmp_path, model=False)


class TestATable:
    def test_digits_bench_is_explained_without_any_study(self) -> None:
        found = explain_table("digits_bench")
        assert found.importances is not None
        assert found.rules is not None
        assert found.outcome.strategy is None
        assert "of this table" in found.sentences[0]
        assert "nothing was preferred" in found.sentences[4]

    def test_an_unknown_column_is_refused(self) -> None:
        with pytest.raises(ConfigError):
            explain_table("digits_bench", measurement="acuracy")


class TestRefusals:
    def test_too_few_trials_say_how_many_are_needed(self) -> None:
        few = sa.search(space=Planted, evaluate=planted, objectives=["accuracy"], trials=5, random_search=False)
        found = few.explain(model=False)
        assert "at least 20" in found.refused["importances"]
        assert "at least 20" in found.refused["rules"]
        assert "cannot be told" in found.sentences[1]

    def test_an_objective_that_is_always_the_same_is_told(self) -> None:
        same = sa.search(space=Planted, evaluate=lambda i, c: {"accuracy": 0.5}, objectives=["accuracy"], trials=25)
        found = same.explain(model=False)
        assert "0.5 in all" in found.refused["importances"]

    def test_a_study_whose_trials_all_failed_is_refused(self) -> None:
        def broken(instance: Planted, context: object) -> dict[str, float]:
            raise ValueError("no")

        failed = sa.search(space=Planted, evaluate=broken, objectives=["accuracy"], trials=3, random_search=False)
        with pytest.raises(ConfigError, match="no complete trial"):
            failed.explain()

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"objective": "latency_ms"}, "latency_ms"),
            ({"trial": 999}, "no trial 999"),
            ({"baseline": "worst"}, "'default', 'first'"),
            ({"language": "fr"}, "'fr'"),
            ({"limits": ["cost"]}, "cost"),
        ],
    )
    def test_a_wrong_wish_is_refused_by_name(self, study: Result, wrong: dict[str, object], said: str) -> None:
        with pytest.raises(sa.SearchitectError, match=said):
            study.explain(**wrong)

    def test_another_measurement_can_be_explained(self, study: Result) -> None:
        found = study.explain(objective="cost", model=False)
        assert found.objective == Objective("cost", "minimize")
        assert {one.name for one in found.importances.everywhere.decisions[:2]} == {"depth", "width"}


@sa.space
class Small:
    width: int = sa.choice(8, 12, 16)

    def build(self, task: sa.TaskSpec) -> nn.Module:
        layers = [nn.Linear(task.features, self.width), nn.ReLU(), nn.Linear(self.width, task.outputs)]
        return nn.Sequential(nn.Flatten(), *layers)


@pytest.mark.filterwarnings("ignore::UserWarning:captum.*")
class TestAModel:
    @pytest.fixture(scope="module")
    @staticmethod
    def trained(tmp_path_factory: pytest.TempPathFactory) -> Result:
        folder = tmp_path_factory.mktemp("iris")
        tiny = {"trials": 3, "confirm_seeds": 1, "workers": 0, "recipe": sa.Recipe(epochs=15)}
        return sa.search("iris", Small, folder=folder / "model", store=folder / "studies.db", name="iris", **tiny)

    def test_it_is_explained_by_the_names_of_its_columns_even_after_few_trials(
        self, trained: Result, tmp_path: Path
    ) -> None:
        found = trained.explain(store=trained.folder.parent / "studies.db", space=Small, data="iris")
        assert "importances" in found.refused
        assert found.model.honesty is not None
        names = found.model.importances[0].names
        assert any("petal" in name for name in names)
        page = found.write(tmp_path / "why.html").read_text("utf-8")
        assert "petal" in page
        assert '<section id="model">' in page
        assert re.search(r"\S\. Of \d+ kinds of maps .* honesty checks", found.sentences[4])  # no rules between them

    def test_a_file_of_examples_can_be_explained(self, trained: Result, tmp_path: Path) -> None:
        task = sa.task("iris")
        names = task.preprocessing.numeric
        (tmp_path / "new.csv").write_text(",".join(names) + "\n5.1,3.5,1.4,0.2\n6.7,3.0,5.2,2.3\n", "utf-8")
        found = trained.explain(inputs=tmp_path / "new.csv", methods=["saliency"])
        assert len(found.model.answers) == 2
        assert [one.method for one in found.model.maps] == ["saliency"]

    def test_a_map_that_does_not_fit_is_refused_with_those_that_do(self, trained: Result) -> None:
        with pytest.raises(ConfigError) as caught:
            trained.explain(data="iris", methods=["grad_cam"])
        assert "convolution" in caught.value.message
        assert "saliency" in (caught.value.hint or "")
