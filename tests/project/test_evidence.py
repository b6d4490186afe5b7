"""What the landing page says of accuracy is what the benchmark measures."""

import pytest
import yaml

from benchmarks.accuracy import EVIDENCE, MEANS, Measured, measure


@pytest.fixture(scope="module")
def measured() -> list[Measured]:
    return list(measure())


def test_every_model_is_within_its_limit(measured: list[Measured]):
    beyond = [f"{m.what}: {m.worst:.2g} exceeds {m.limit:g} of {m.of}" for m in measured if m.worst > m.limit]
    assert not beyond


def test_the_table_of_the_landing_page_has_the_rows_that_were_measured(measured: list[Measured]):
    """Last digits differ between processors: the errors themselves are held against their limits alone."""
    rows = yaml.safe_load(EVIDENCE.read_text(encoding="utf-8"))
    found = [(row["what"], row["means"], row["against"], row["of"]) for row in rows]
    expected = [(m.what, MEANS[m.what.rsplit(", ", 1)[0]], m.against, m.of) for m in measured]
    assert found == expected, "run python benchmarks/accuracy.py --write"
    assert all(0.0 < row["worst"] <= m.limit for row, m in zip(rows, measured, strict=True))
