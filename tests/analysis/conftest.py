from pathlib import Path

import pytest

from analysis.charts import Measured
from analysis.metrics import METRICS
from analysis.reading import Reading, read
from analysis.report import Written, write_report
from analysis.results import results_of
from tests.run_folders import write_run_folder


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished headline-shaped run; tests only read it."""
    return write_run_folder(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="session")
def reading(run_folder: Path) -> Reading:
    return read(run_folder)


@pytest.fixture(scope="session")
def measured(reading: Reading) -> Measured:
    return Measured(reading, tuple(results_of(reading, METRICS.values())))


@pytest.fixture(scope="session")
def written(run_folder: Path) -> Written:
    return write_report(run_folder)
