"""CSV, TSV and parquet, good and damaged."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from searchitect.errors import TaskError
from searchitect.tasks.examples import Reading
from searchitect.tasks.open import task
from searchitect.tasks.table_files import read_columns, read_tables, take_target

GIB = 1 << 30
ROWS = "".join(f"{i},{'red' if i % 2 else 'blue'},{i % 3}\n" for i in range(60))
GOOD = "size,colour,label\n" + ROWS


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", GOOD.encode()),
        ("a.csv", b"\xef\xbb\xbf" + GOOD.encode()),
        ("a.csv", GOOD.replace(",", ";").encode()),
        ("a.csv", GOOD.replace("\n", "\r\n").encode()),
        ("a.csv", GOOD.replace(",", ", ").encode()),
        ("a.tsv", GOOD.replace(",", "\t").encode()),
        ("a.csv.gz", gzip.compress(GOOD.encode(), mtime=0)),
        ("a.tsv.gz", gzip.compress(GOOD.replace(",", "\t").encode(), mtime=0)),
    ],
)
def test_delimited_text_in_all_its_forms_gives_the_same_task(tmp_path: Path, name: str, content: bytes) -> None:
    made = task(write(tmp_path / name, content))
    assert made.name == "a"
    assert made.labels == ("0", "1", "2")
    assert made.spec.inputs == (3,)
    assert made.preprocessing.to_json()["categories"] == [["colour", ["blue", "red"]]]
    assert made.digest == task(write(tmp_path / "b.csv", GOOD)).digest


cells = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=8)


@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=12))
@settings(max_examples=40, deadline=None)
def test_cells_survive_a_round_trip_through_csv(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerows([("first", "second"), *rows])
    path = write(tmp_path_factory.mktemp("csv") / "t.csv", text.getvalue())
    columns = read_columns(path, GIB)
    missing = {"", "?", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"}
    for place, name in enumerate(("first", "second")):
        expected = [None if row[place].strip() in missing else row[place].strip() for row in rows]
        assert list(columns[name]) == expected


@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6, width=32)), min_size=10, max_size=30))
@settings(max_examples=25, deadline=None)
def test_numbers_survive_a_round_trip_through_csv(tmp_path_factory: pytest.TempPathFactory, values: list[Any]) -> None:
    rows = "".join(f"{'' if value is None else repr(value)},{i % 2},0\n" for i, value in enumerate(values))
    path = write(tmp_path_factory.mktemp("csv") / "t.csv", "x,label,z\n" + rows)
    data = read_tables({"train": path}, Reading())
    table = data.train.examples
    names = table.schema.numeric  # type: ignore[attr-defined]
    expected = np.array([np.nan if value is None else value for value in values], dtype=np.float32)
    if "x" in names:
        assert np.array_equal(table.numeric[:, names.index("x")], expected, equal_nan=True)  # type: ignore[attr-defined]
    else:
        assert all(value is None for value in values)


def test_missing_values_in_all_spellings_are_missing(tmp_path: Path) -> None:
    rows = "".join(f"{cell},{cell},{i % 2}\n" for i, cell in enumerate(["", "?", "NA", "NaN", " ", "null"]))
    text = "a,b,y\n" + rows + "".join(f"{i}.5,word{i % 2},{i % 2}\n" for i in range(30))
    made = task(write(tmp_path / "t.csv", text), seed=1)
    assert made.preprocessing.to_json()["marked"] == ["a"]
    numeric, codes = made.train.read(np.arange(len(made.train)))
    assert np.isnan(numeric).sum() == (codes == -1).sum() > 0


def test_the_target_is_named_or_usual_or_last(tmp_path: Path) -> None:
    usual = "Class,a,b\n" + "".join(f"{'pq'[i % 2]},{i},{i}\n" for i in range(20))
    assert task(write(tmp_path / "t.csv", usual)).labels == ("p", "q")
    last = "a,b,outcome\n" + "".join(f"{i},{i},{'pq'[i % 2]}\n" for i in range(20))
    assert task(write(tmp_path / "t.csv", last)).source["target"] == "outcome"
    named = task(write(tmp_path / "t.csv", last), target="a", kind="regression")
    assert named.spec.kind == "regression"
    assert named.source["target"] == "a"


def test_an_official_test_file_is_kept_whole(tmp_path: Path) -> None:
    write(tmp_path / "my_train.csv", GOOD)
    write(tmp_path / "my_test.csv", "size,colour,label\n7,green,1\n,red,2\n")
    made = task(tmp_path)
    assert made.test is not None
    assert len(made.test) == 2
    numeric, codes = made.test.read(np.arange(2))
    assert numeric[:, 0] == pytest.approx([7, np.nan], nan_ok=True)
    assert codes[:, 0].tolist() == [-1, 1]
    assert len(made.train) + len(made.validation) == 60
    again = task(tmp_path / "my_train.csv", test=tmp_path / "my_test.csv")
    assert again.digest == made.digest


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "no header"),
        ("a,b,label\n", "no rows"),
        ("1,2,3\n4,5,6\n", "no header row"),
        ("a,a,label\n1,2,3\n", "two columns named 'a'"),
        ("a,b,label\n1,2,3\n1,2\n", "line 3 of t.csv has 2 cells"),
        ("a,b,label\n1,2,x\n1,2,\n", "1 of 2 targets"),
        ('a,b,label\n1,"2,3\n', "cannot read t.csv"),
        (b"a,label\n\xff\xfe,1\n", "cannot read t.csv"),
        (gzip.compress(GOOD.encode(), mtime=0)[:60], "cannot read t.csv"),
        ("a,label\n" + "inf,1\n1,2\n" * 10, "infinite values"),
        ("a,label\n" + "1,1\n" * 10, "one class only"),
        ("a,label\n" + "1,x\n2,x\n3,y\n", "every class needs"),
        ("a,label\n" + "1,1.5\n2,2.5\n", "too few"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, content: str | bytes, words: str) -> None:
    with pytest.raises(TaskError, match=words):
        task(write(tmp_path / "t.csv", content))


def test_a_wrong_target_or_column_names_the_nearest(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", GOOD)
    with pytest.raises(TaskError, match="did you mean 'label'"):
        task(path, target="lable")
    with pytest.raises(TaskError, match="did you mean 'colour'"):
        task(path, ignore=["color"])


def test_a_test_file_without_the_target_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", GOOD)
    write(tmp_path / "test.csv", "size,colour\n1,red\n")
    with pytest.raises(TaskError, match="test.csv has no column 'label'"):
        task(tmp_path)


def test_files_beyond_the_limit_are_refused(tmp_path: Path) -> None:
    bomb = gzip.compress(b"a,label\n" + b"1,1\n" * 100_000, mtime=0)
    with pytest.raises(TaskError, match="too large"):
        task(write(tmp_path / "t.csv.gz", bomb), max_bytes=10_000)


def test_a_column_without_a_name_is_an_index_and_left_out(tmp_path: Path) -> None:
    text = ",a,label\n" + "".join(f"{i},{i % 5},{i % 2}\n" for i in range(20))
    assert task(write(tmp_path / "t.csv", text)).preprocessing.to_json()["numeric"] == ["a"]


def test_parquet_gives_the_same_as_csv(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    table = pa.table(
        {
            "size": [*range(59), None],
            "colour": pa.array(["red" if i % 2 else "blue" for i in range(60)]).dictionary_encode(),
            "flag": [i % 4 == 0 for i in range(60)],
            "day": pa.array([86400 * i for i in range(60)], pa.timestamp("s")),
            "label": [i % 3 for i in range(60)],
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    made = task(tmp_path / "t.parquet")
    document = made.preprocessing.to_json()
    assert document["numeric"] == ["size", "day"]
    assert document["categories"] == [["colour", ["blue", "red"]], ["flag", ["False", "True"]]]
    assert made.labels == ("0", "1", "2")


def test_parquet_that_cannot_serve_is_refused(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    with pytest.raises(TaskError, match="cannot read t.parquet"):
        task(write(tmp_path / "t.parquet", b"PAR1 nonsense"))
    pq.write_table(pa.table({"a": [[1], [2]], "label": [0, 1]}), tmp_path / "l.parquet")
    with pytest.raises(TaskError, match="'a' of l.parquet must hold numbers"):
        task(tmp_path / "l.parquet")
    pq.write_table(pa.table({"a": list(range(5000)), "label": [0, 1] * 2500}), tmp_path / "big.parquet")
    with pytest.raises(TaskError, match="too large"):
        task(tmp_path / "big.parquet", max_bytes=1000)


def test_taking_the_target_removes_it() -> None:
    columns = {"y": np.array(["1", "2"], dtype=object), "x": np.ones(2)}
    assert take_target(columns, "y", "t").tolist() == [1.0, 2.0]
    assert list(columns) == ["x"]


def test_labels_that_look_like_numbers_in_the_test_file_stay_the_labels_of_training(tmp_path: Path) -> None:
    rows = "".join(f"{i},{'12x'[i % 3]}\n" for i in range(30))
    write(tmp_path / "train.csv", "a,label\n" + rows)
    write(tmp_path / "test.csv", "a,label\n1,1\n2,2\n")
    made = task(tmp_path)
    assert made.labels == ("1", "2", "x")
    assert made.test is not None
    assert made.test.targets.tolist() == [0, 1]
