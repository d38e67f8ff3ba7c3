import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from analysis.charts import CHARTS, Chart, Measured, NothingToDrawError
from analysis.charts.capacity import cpu_per_request, throughput
from analysis.charts.chart import Picture, chart
from analysis.charts.drift import throughput_of_slices
from analysis.charts.frontier import _quickest
from analysis.charts.lag_bands import LagBand
from analysis.frontier import frontier_of
from analysis.metrics import METRICS
from analysis.reading import Reading, read
from analysis.results import results_of
from analysis.stats import Interval
from analysis.style import styles_of
from loadtests.model import RevocationRecord
from servers.strategy import available
from tests.builders import (
    ARMS,
    PHASES,
    a_phase,
    a_run,
    a_trial,
    an_arm,
    an_experiment,
    at_distances,
    with_impossible,
)
from tests.run_folders import write_run_folder

# Those of the refresh lab have tests of their own.
HEADLINE = [drawn for drawn in CHARTS if drawn.name not in {"refresh", "tabs"}]
all_charts = pytest.mark.parametrize("drawn", HEADLINE, ids=lambda c: c.name)

EVERY_KIND = (*PHASES, *at_distances(0.0, 0.002))
MANY = (
    *(an_arm(f"session_redis-r{n}", strategy="session_redis", replicas=n) for n in range(1, 6)),
    *(an_arm(f"jwt_hs256-r{n}", strategy="jwt_hs256", replicas=n) for n in range(1, 6)),
    *(an_arm(name) for name in ("none", "jwt_rs256", "jwt_es256", "session_pg", "none#2")),
)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """Of a run with phases of every kind."""
    run = a_run(an_experiment(phases=EVERY_KIND))
    return measured_of(write_run_folder(tmp_path_factory.mktemp("results"), run))


def measured_of(folder: Path) -> Measured:
    reading = read(folder)
    return Measured(reading, tuple(results_of(reading, METRICS.values())))


def texts(svg: str) -> str:
    """The comments matplotlib leaves above each drawn text."""
    return " ".join(re.findall(r"<!-- (.*?) -->", svg))


@pytest.fixture(scope="module", params=HEADLINE, ids=lambda c: c.name)
def picture(request: pytest.FixtureRequest, measured: Measured) -> Picture:
    drawn: Chart = request.param
    return drawn.render(measured)


def test_every_chart_renders(picture: Picture) -> None:
    assert picture.png.startswith(b"\x89PNG")
    assert ET.fromstring(picture.svg).tag.endswith("svg")  # noqa: S314 — our own text
    assert picture.chart.title
    assert picture.chart.caption.endswith(".")


def test_an_inlined_chart_names_no_network_and_shares_no_id(picture: Picture) -> None:
    inline = picture.inline_svg
    assert inline.startswith("<svg ")
    assert inline.rstrip().endswith("</svg>")
    assert "http" not in inline
    assert all(
        name.startswith(picture.chart.name) for name in re.findall(r'\bid="([^"]*)"', inline)
    )
    assert set(re.findall(r"url\(#([^)]*)\)", inline)) <= set(re.findall(r'id="([^"]*)"', inline))


def test_the_same_run_draws_the_same_chart(picture: Picture, measured: Measured) -> None:
    assert picture.chart.render(measured).svg == picture.svg


@pytest.fixture(scope="module")
def measured_of_many(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    experiment = an_experiment(arms=MANY, reference="none", blocks=2, phases=EVERY_KIND)
    return measured_of(write_run_folder(tmp_path_factory.mktemp("many"), a_run(experiment)))


@all_charts
def test_fifteen_arms_fit(drawn: Chart, measured_of_many: Measured) -> None:
    # A layout that collapses is a warning of matplotlib's, and warnings are errors here.
    shown = texts(drawn.render(measured_of_many).svg)
    assert all(arm.name in shown for arm in MANY if not arm.is_control)


@all_charts
def test_a_chart_without_data_says_what_is_missing(drawn: Chart, tmp_path: Path) -> None:
    experiment = an_experiment(phases=(a_phase("mixed"),))
    measured = measured_of(write_run_folder(tmp_path, a_run(experiment), slices=(), trials=()))
    with pytest.raises(NothingToDrawError, match=r"no "):
        drawn.render(measured)


def test_where_no_p99_is_told_apart_no_arm_is_best(measured: Measured) -> None:
    found = frontier_of(measured.reading, measured.results)
    arms = [point.arm for point in found.points]
    noise, clear = Interval(0.1, -0.5, 0.7, 5), Interval(0.6, 0.2, 1.0, 5)
    assert _quickest(found, dict.fromkeys(arms, noise), 0.0) is None
    heights = dict.fromkeys(arms, noise) | {arms[0]: clear}
    assert _quickest(found, heights, 0.0)
    # Without intervals there is nothing to say so by.
    assert _quickest(found, dict.fromkeys(arms, Interval(0.1, None, None, 1)), 0.0)


def test_a_chart_needs_a_caption() -> None:
    with pytest.raises(TypeError, match="caption"):
        chart(lambda measured: measured)  # type: ignore[arg-type,return-value]


def test_a_strategy_looks_the_same_in_every_run() -> None:
    few, many = styles_of(ARMS), styles_of(MANY)
    assert few["jwt_hs256"].colour == many["jwt_hs256-r1"].colour
    assert few["session_redis"].colour != few["jwt_hs256"].colour
    control = few["session_redis#2"]
    assert control.colour == few["session_redis"].colour
    assert (control.hatch, control.filled) == ("////", False)
    assert control.line != few["session_redis"].line


def test_arms_of_a_strategy_differ_without_colour() -> None:
    styles = styles_of(MANY)
    assert len({styles[f"jwt_hs256-r{n}"].line for n in range(1, 5)}) == 4
    strategies = {styles[a.name].marker for a in MANY if not a.is_control}
    assert len(strategies) == len({a.strategy for a in MANY})


def test_every_strategy_has_a_look_of_its_own() -> None:
    arms = tuple(an_arm(name) for name in available())
    styles = styles_of(arms)
    assert len({style.colour for style in styles.values()}) == len(arms)
    assert len({style.marker for style in styles.values()}) == len(arms)
    # Alone it looks as it does among all, so it looks the same in every run.
    assert all(styles_of((arm,))[arm.name] == styles[arm.name] for arm in arms)


@pytest.mark.parametrize("drawn", [throughput, cpu_per_request], ids=lambda c: c.name)
def test_an_arm_that_cannot_be_says_so_in_its_place(drawn: Chart, tmp_path: Path) -> None:
    folder = write_run_folder(tmp_path, with_impossible("jwt_hs256"))
    assert "impossible, so not measured" in texts(drawn.render(measured_of(folder)).svg)


def test_drift_is_a_share_of_the_arms_mean(reading: Reading) -> None:
    slices = throughput_of_slices(reading.frame, "capacity")
    means = slices.groupby("arm")["of_mean"].mean()
    assert list(means) == pytest.approx([1.0] * 4)


def a_lag(low_s: float, high_s: float | None) -> RevocationRecord:
    return a_trial(arm="jwt_hs256", lag_low_s=low_s, lag_high_s=high_s)


def test_a_lag_band_holds_the_truth_between_its_curves() -> None:
    band = LagBand.of([a_lag(0.1, 0.2), a_lag(0.3, 0.4), a_lag(5.0, None), a_lag(0.0, 0.0)])
    x, surely, perhaps = band.steps(0.001, 0.002, 10.0)
    at = {round(float(where), 6): index for index, where in enumerate(x)}
    assert (surely <= perhaps).all()
    # What is below the resolution counts as it, and what was never refused never rises.
    assert (surely[at[0.002]], surely[at[0.2]], surely[-1], perhaps[-1]) == (0.25, 0.5, 0.75, 0.75)
    assert (band.never, band.longest_s) == (1, 0.4)
