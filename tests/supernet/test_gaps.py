"""The gap says what is known and what is not."""

from searchitect.supernet.gaps import DiscretisationGap


def test_one_line_tells_all_three_states():
    assert DiscretisationGap(0.9, 0.8, 0.85).text() == (
        "the same architecture: supernet 0.9000, discretised 0.8000, retrained 0.8500"
    )


def test_an_architecture_that_nobody_retrained_is_said_to_be_so():
    assert DiscretisationGap(0.9, 0.8).text().endswith("discretised 0.8000, not retrained")
