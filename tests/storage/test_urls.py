"""No password of a URL is ever shown."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from searchitect.storage.urls import is_postgres, masked, named_store


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:geheim@host:5432/db", "postgresql://me:***@host:5432/db"),
        ("postgresql+psycopg://me:a@b:c/d?e@host/db", "postgresql+psycopg://me:***@host/db"),
        ("postgresql://host:5432/db?user=me&password=geheim&sslmode=require",
         "postgresql://host:5432/db?user=me&password=***&sslmode=require"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("postgresql://host:5432/db", "postgresql://host:5432/db"),
        ("old-study@postgres://me:geheim@host/db", "old-study@postgres://me:***@host/db"),
        ("optuna:mysql://me:geheim@host/db#study", "optuna:mysql://me:***@host/db#study"),
        ("sqlite:////tmp/studies.db", "sqlite:////tmp/studies.db"),
        ("/tmp/a:b@c.db", "/tmp/a:b@c.db"),
        ("memory:", "memory:"),
    ],
)  # fmt: skip
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert masked(url) == shown


@given(st.text(st.characters(codec="ascii", exclude_characters="\n"), min_size=12))
def test_whatever_stands_between_user_and_host_is_hidden(secret: str) -> None:
    assert masked(f"postgresql://me:{secret}@host/db") == "postgresql://me:***@host/db"


@pytest.mark.parametrize(
    ("url", "answer"),
    [("postgresql://h/d", True), ("postgres://h/d", True), ("postgresql+psycopg://h/d", True), ("POSTGRESQL://h", True),
     ("postgres.db", False), ("sqlite:///postgresql:", False), ("memory:", False)],
)  # fmt: skip
def test_postgres_is_known_by_its_scheme(url: str, answer: bool) -> None:
    assert is_postgres(url) is answer


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("digits", ("digits", "")),
        ("digits@runs/a.db", ("digits", "runs/a.db")),
        ("me@home@runs/a.db", ("me@home", "runs/a.db")),
        ("digits@postgresql://me:geheim@host/db", ("digits", "postgresql://me:geheim@host/db")),
        ("digits@sqlite:///a@b.db", ("digits", "sqlite:///a@b.db")),
    ],
)
def test_a_study_of_another_store_is_split_at_the_right_place(text: str, parts: tuple[str, str]) -> None:
    assert named_store(text) == parts
