"""Trials of other tools; Optuna's where it is installed."""

import json

import pytest

import searchitect as sa
from searchitect import catalog
from searchitect.errors import ConfigError, SpaceError


@sa.space
class Small:
    size: int = sa.integer(1, 3)


@sa.space
class Net:
    width: int = sa.choice(16, 32, 64)
    rate: float = sa.real(1e-4, 1e-1, log=True)
    block: Small | None = sa.optional(Small)


SPACE = sa.SearchSpace.of(Net)


def optuna_study(storage=None, trials=6):
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(storage=storage, study_name="mine", sampler=sampler, direction="maximize")

    def objective(trial):
        width = trial.suggest_categorical("width", [16, 32, 64])
        rate = trial.suggest_float("rate", 1e-4, 1e-1, log=True)
        if trial.suggest_categorical("block", [True, False]):
            trial.suggest_int("block.some.size", 1, 3)
        if trial.number == 2:
            raise optuna.TrialPruned
        return width + rate

    study.optimize(objective, n_trials=trials)
    return study


def test_an_optuna_study_becomes_ranks_by_path_names():
    study = optuna_study()
    found = sa.import_trials(study, Net)
    assert len(found) == 5
    assert all(SPACE.contains(record.architecture) for record in found)
    best = min(found, key=lambda record: record.rank).architecture
    assert best["width"] == study.best_params["width"]
    assert best["rate"] == pytest.approx(study.best_params["rate"], rel=1e-9)
    assert {record.source for record in found} == {"mine"}


def test_an_optuna_storage_is_read_by_its_url(tmp_path):
    url = f"sqlite:///{tmp_path / 'optuna.db'}"
    optuna_study(url)
    assert len(sa.import_trials(f"optuna:{url}", Net)) == 5
    assert len(sa.import_trials(f"optuna:{url}#mine", Net)) == 5
    with pytest.raises(ConfigError, match="holds no study 'mime'\n.*did you mean 'mine'"):
        sa.import_trials(f"optuna:{url}#mime", Net)


def test_a_missing_storage_is_refused_and_not_made(tmp_path):
    pytest.importorskip("optuna")
    with pytest.raises(ConfigError, match="there is no file"):
        sa.import_trials(f"optuna:sqlite:///{tmp_path / 'none.db'}", Net)
    assert not list(tmp_path.iterdir())


class Trial:
    def __init__(self, parameters, *values, state="COMPLETE"):
        self.params, self.values, self.state = parameters, values, Named(state)


class Named:
    def __init__(self, name):
        self.name = name


class Study:
    study_name = "theirs"
    directions = (Named("MINIMIZE"),)

    def __init__(self, *trials):
        self.trials = trials


THEIRS = [{"w": 16, "lr": 0.01, "block": False}, {"w": 64, "lr": 0.01, "block": True, "size": 2}]


def test_other_names_are_mapped_or_left_out():
    study = Study(Trial({**THEIRS[0], "note": 1}, 2.0), Trial({**THEIRS[1], "note": 1}, 1.0))
    names = {"w": "width", "lr": "rate", "size": "block.some.size", "note": None}
    first, second = sa.import_trials(study, Net, names=names)
    assert (first.rank, second.rank) == (1.0, 0.0)
    assert second.architecture.decisions == {"width": 64, "rate": 0.01, "block": True, "block.some.size": 2}
    assert sa.import_trials(study, Net, names=names, maximize=True)[0].rank == 0.0


def test_an_unknown_parameter_is_refused_with_the_nearest_decision():
    with pytest.raises(ConfigError, match="'widht' is no decision of the space\n.*did you mean 'width'"):
        sa.import_trials(Study(Trial({"widht": 16}, 1.0)), Net)


def test_trials_outside_the_space_are_left_out_and_none_inside_is_an_error():
    inside = {"width": 16, "rate": 0.01, "block": False}
    outside = {**inside, "width": 48}
    assert len(sa.import_trials(Study(Trial(inside, 1.0), Trial(outside, 2.0)), Net)) == 1
    with pytest.raises(SpaceError, match="none of 1 trials lies in Net: width: expected one of 16, 32, 64, got 48"):
        sa.import_trials(Study(Trial(outside, 2.0)), Net)


def test_what_is_no_study_is_refused():
    with pytest.raises(ConfigError, match="cannot import from int"):
        sa.import_trials(3, Net)
    with pytest.raises(ConfigError, match="cannot import from 'hyperopt:x'"):
        sa.import_trials("hyperopt:x", Net)
    with pytest.raises(ConfigError, match="no complete trial"):
        sa.import_trials(Study(Trial({}, 1.0, state="FAIL")), Net)


def keras_project(folder, direction="max", scores=(0.7, 0.9)):
    for number, score in enumerate(scores):
        metrics = {"val_accuracy": {"direction": direction, "observations": [{"value": [score], "step": 1}]}}
        values = {"width": (16, 64)[number], "rate": 0.01, "block": False, "block.some.size": 1, "tuner/epochs": 3}
        trial = {
            "trial_id": str(number),
            "hyperparameters": {"space": [], "values": values},
            "metrics": {"metrics": metrics},
            "score": score,
            "status": "COMPLETED",
        }
        place = folder / f"trial_{number}"
        place.mkdir(parents=True)
        (place / "trial.json").write_text(json.dumps(trial))
    return f"keras_tuner:{folder}"


def test_a_keras_tuner_project_becomes_ranks_in_the_direction_of_its_metric(tmp_path):
    found = sa.import_trials(keras_project(tmp_path / "up"), Net)
    assert [record.rank for record in found] == [1.0, 0.0]
    assert found[0].architecture.decisions == {"width": 16, "rate": 0.01, "block": False}
    assert [r.rank for r in sa.import_trials(keras_project(tmp_path / "down", "min"), Net)] == [0.0, 1.0]


def test_a_score_of_unknown_direction_asks_for_it(tmp_path):
    source = keras_project(tmp_path / "p", "sideways")
    with pytest.raises(ConfigError, match="whether higher scores are better"):
        sa.import_trials(source, Net)
    assert sa.import_trials(source, Net, maximize=True)[1].rank == 0.0


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "is no JSON"), ("[]", "holds no JSON object"), ('{"status": "COMPLETED", "score": "NaN"}', "no complete")],
)
def test_a_damaged_trial_file_is_refused(tmp_path, text, message):
    (tmp_path / "trial_0").mkdir()
    (tmp_path / "trial_0" / "trial.json").write_text(text)
    with pytest.raises(ConfigError, match=message):
        sa.import_trials(f"keras_tuner:{tmp_path}", Net)


def test_a_folder_that_is_no_project_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="holds no trial"):
        sa.import_trials(f"keras_tuner:{tmp_path}", Net)
    with pytest.raises(ConfigError, match="there is no folder"):
        sa.import_trials(f"keras_tuner:{tmp_path / 'none'}", Net)


NATS = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|none~2|"
OTHER = NATS.replace("avg_pool_3x3", "none")


def test_nats_strings_are_read_with_and_without_scores(tmp_path):
    space = catalog.get("nasbench201")
    file = tmp_path / "cells.txt"
    file.write_text(f"# a comment\n{NATS}\n{OTHER}\n")
    first, second = sa.import_trials(f"strings:{file}", space)
    assert first.architecture["edge_0_3"] == "avg_pool_3x3"
    assert (first.rank, second.rank) == (0.0, 1.0), "without scores the order of the lines counts"
    file.write_text(f"{NATS}\t91.5\n{OTHER}\t93.5\n")
    assert [record.rank for record in sa.import_trials(f"strings:{file}", space)] == [1.0, 0.0]


def test_a_line_that_is_no_cell_is_named(tmp_path):
    file = tmp_path / "cells.txt"
    file.write_text(f"{NATS}\n|nor_conv_9x9~0|\n")
    with pytest.raises(SpaceError, match=r"cells\.txt, line 2: "):
        sa.import_trials(f"strings:{file}", catalog.get("nasbench201"))
    with pytest.raises(SpaceError, match=r"line 1: not an architecture of Net"):
        sa.import_trials(f"strings:{file}", Net)


def test_a_darts_genotype_is_read(tmp_path):
    from searchitect.catalog.darts_strings import to_darts_string

    space = sa.SearchSpace.of(catalog.get("darts"))
    cell = space.default()
    file = tmp_path / "cells.txt"
    file.write_text(f"MINE = {to_darts_string(cell.decisions)}\n")
    assert sa.import_trials(f"strings:{file}", space)[0].architecture == cell
