"""What columns mean: numbers, categories, missing values, identifiers."""

from __future__ import annotations

import numpy as np
import pytest

from searchitect.errors import TaskError
from searchitect.tasks.tables import encode, numbers, schema_of, table_of


def texts(*cells: str | None) -> np.ndarray:
    column = np.empty(len(cells), dtype=object)
    column[:] = cells
    return column


def test_a_column_is_numeric_if_all_its_values_are_numbers() -> None:
    assert numbers(texts("1", "2.5", None, "-3e2")) == pytest.approx([1, 2.5, np.nan, -300], nan_ok=True)
    assert numbers(texts("1", "two")) is None
    assert numbers(texts("1_000", "2")) is None


def test_dates_are_days_since_1970() -> None:
    days = numbers(texts("1970-01-02", "1970-01-01 12:00:00", None))
    assert days == pytest.approx([1.0, 0.5, np.nan], nan_ok=True)
    assert numbers(texts("2011-13-45")) is None


def test_the_schema_sorts_columns_and_leaves_out_what_serves_nobody() -> None:
    columns = {
        "age": np.arange(30.0),
        "colour": texts(*["red", "blue"] * 15),
        "id": texts(*[f"u{i}" for i in range(30)]),
        "empty": texts(*[None] * 30),
        "nan": np.full(30, np.nan),
        "zone": np.arange(30.0) % 3,
        "unwanted": np.arange(30.0),
    }
    schema = schema_of(columns, categorical=("zone",), ignore=("unwanted",))
    assert schema.numeric == ("age",)
    assert schema.text == ("colour", "zone")
    assert schema.left_out == ("id", "empty", "nan", "unwanted")
    assert table_of(columns, schema).text[:4, 1].tolist() == ["0", "1", "2", "0"]


def test_a_table_without_a_usable_column_is_refused() -> None:
    with pytest.raises(TaskError, match="no usable column"):
        schema_of({"empty": texts(None, None)})


def test_statistics_ignore_missing_values_and_categories_come_from_training_only() -> None:
    columns = {"a": np.array([1.0, np.nan, 3.0, 100.0]), "c": texts("x", "y", None, "z")}
    table = table_of(columns, schema_of(columns))
    preprocessing = table.cut(np.arange(3)).fit((), ())
    assert preprocessing.mean == (2.0,)
    assert preprocessing.std == (1.0,)
    assert preprocessing.marked == ("a",)
    assert preprocessing.categories == (("c", ("x", "y")),)
    numeric, codes = encode(table, preprocessing)
    assert codes[:, 0].tolist() == [0, 1, -1, -1]
    assert numeric.dtype == np.float32


def test_of_many_categories_the_hundred_most_frequent_stay() -> None:
    cells = [f"c{i:03d}" for i in range(150)] + [f"c{i:03d}" for i in range(50, 150)]
    columns = {"c": texts(*cells)}
    options = table_of(columns, schema_of(columns)).fit((), ()).categories[0][1]
    assert len(options) == 100
    assert options[0] == "c050"


def test_a_constant_column_stays_finite() -> None:
    columns = {"a": np.full(5, 0.1)}
    preprocessing = table_of(columns, schema_of(columns)).fit((), ())
    assert preprocessing.std == (1.0,)


def test_infinite_values_are_refused_with_their_columns() -> None:
    columns = {"fine": np.ones(2), "a": np.array([1.0, np.inf]), "b": np.array([1e300, 0.0]), "c": texts("1", "-inf")}
    with pytest.raises(TaskError, match="'a', 'b', 'c'"):
        table_of(columns, schema_of(columns))


def test_missing_columns_and_text_among_numbers_are_named() -> None:
    schema = schema_of({"a": np.ones(2), "b": np.ones(2)})
    with pytest.raises(TaskError, match="lacks the column"):
        table_of({"a": np.ones(2)}, schema, "new.csv")
    with pytest.raises(TaskError, match="'b' of new.csv should hold numbers, got 'many'"):
        table_of({"a": np.ones(2), "b": texts("1", "many")}, schema, "new.csv")
    with pytest.raises(TaskError, match="no rows"):
        table_of({"a": np.ones(0), "b": np.ones(0)}, schema, "new.csv")


def test_the_digest_sees_numbers_and_text() -> None:
    def digest(number: float, cell: str | None) -> bytes:
        columns = {"a": np.array([number, 1.0]), "c": texts(cell, "y")}
        return table_of(columns, schema_of(columns)).digest()

    assert digest(1, "x") == digest(1, "x")
    assert len({digest(1, "x"), digest(2, "x"), digest(1, "z"), digest(1, None)}) == 4
