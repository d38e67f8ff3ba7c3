"""How many blocks a run has: as many as were asked for, or until its comparisons are narrow.

Stopping looks at the widths of intervals and never at where they lie: a run that stopped as soon
as its answer pleased would find differences that are not there (Kruschke, "Doing Bayesian Data
Analysis", 2nd ed., §13.3, shows both rules side by side).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from loadtests.model import Experiment, Length
from loadtests.target import MeasurementError

# The spread of fewer blocks is too uncertain itself: of five, one in forty looks a third as wide
# as it is.
LEAST_BLOCKS = 6

HalfWidths = Mapping[str, float | None]

_ROOT = Path(__file__).parent.parent
_WIDTHS = TypeAdapter(dict[str, float | None])


def least_blocks(experiment: Experiment) -> int:
    """As many blocks are measured before anybody looks."""
    return (
        experiment.blocks if experiment.precision is None else max(LEAST_BLOCKS, experiment.blocks)
    )


def is_over(experiment: Experiment, blocks: int) -> bool:
    """Whether `blocks` are all a run of fixed length has; never for one that asks for precision."""
    return experiment.precision is None and blocks >= experiment.blocks


def ended(
    experiment: Experiment, blocks: int, elapsed_s: float, ask: Callable[[], HalfWidths]
) -> Length | None:
    """What ends a run that asks for precision after `blocks` blocks, or None: go on.

    `elapsed_s` is the time measured so far. The cap ends it before a block that would, lasting as
    long as the others, pass it. `ask` is called only where its answer counts.
    """
    precision = experiment.precision
    if precision is None or blocks == 0:
        return None
    is_capped = elapsed_s * (blocks + 1) / blocks > 60 * precision.max_minutes
    if blocks < least_blocks(experiment) and not is_capped:
        return None
    half_widths = ask()
    if blocks >= LEAST_BLOCKS and all(
        width is not None and width <= precision.half_width for width in half_widths.values()
    ):
        return Length("precision", half_widths)
    return Length("cap", half_widths) if is_capped else None


def half_widths(folder: Path) -> HalfWidths:
    """By comparison asked for, of the interval of its ratio: 0.03 for ± 3%; None: no interval yet.

    Asks the analysis, by the very code that judges the report. Raises MeasurementError when it
    fails.
    """
    asked = subprocess.run(
        [sys.executable, "-m", "analysis", "widths", str(folder.resolve())],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        return _WIDTHS.validate_json(asked.stdout)
    except ValidationError:
        why = asked.stderr.strip().splitlines()[-1:] or ["nothing was said"]
        raise MeasurementError(f"the widths of the intervals cannot be had: {why[0]}") from None
