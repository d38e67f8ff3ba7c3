"""`calibration FILE`: what the harness said against a known answer, and the picture of stalls."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.charts.stalls import rendered
from analysis.commands import OK, Told
from analysis.report.calibration import note_sentences
from loadtests.calibration_store import read
from loadtests.model import Calibration, ConfigurationError, StallPicture

if TYPE_CHECKING:
    from analysis.commands import Commands

_OUTCOMES = {"fail": "failed", "undecided": "undecided"}
_SUFFIXES = (".svg", ".png")


def add(commands: Commands) -> None:
    calibration = commands.add_parser(
        "calibration", help="what `make calibrate` stored: in words, and as a picture of stalls"
    )
    calibration.add_argument("file", type=Path, help="such as results/calibration.json")
    calibration.add_argument(
        "--picture",
        type=Path,
        metavar="OUT",
        help="draw how stalls look to several ways of measuring, into OUT (.svg or .png)",
    )
    calibration.set_defaults(command=run)


def run(options: argparse.Namespace) -> Told:
    """Raises ConfigurationError when FILE is no calibration or OUT no picture's name."""
    measured = read(options.file)
    lines = tuple(_said(measured.calibration))
    if options.picture is None:
        return Told(lines, OK)
    if measured.stalls is None:
        raise ConfigurationError(f"{options.file}: stalls: none were measured, nothing to draw")
    _draw(measured.stalls, options.picture)
    return Told((*lines, f"Picture: {options.picture}"), OK)


def _said(calibration: Calibration) -> Iterator[str]:
    yield from note_sentences(calibration.note())
    for check in calibration.checks:
        if check.outcome in {"fail", "undecided"}:
            because = f" ({check.reason})" if check.reason else ""
            yield (
                f"  {_OUTCOMES[check.outcome]}: {check.about}, {check.quantity}: {check.measured}, "
                f"truly {check.truth} {check.unit}, goal {check.goal}{because}"
            )


def _draw(picture: StallPicture, path: Path) -> None:
    if path.suffix not in _SUFFIXES:
        raise ConfigurationError(f"--picture: {path}; allowed: a name that ends in .svg or .png")
    drawn = rendered(picture, png=path.suffix == ".png")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(drawn)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written: {error.strerror}") from None
