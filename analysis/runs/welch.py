"""The interval of a ratio between two runs, whose blocks share nothing that would pair them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

from analysis.stats import CONFIDENCE, Interval


def unpaired_log_ratio(
    reference: Sequence[float], candidate: Sequence[float], confidence: float = CONFIDENCE
) -> Interval:
    """The interval of ln(candidate ÷ reference) between two independent samples of blocks.

    mean(ln c) − mean(ln r) ± t(ν) · √(s_r²/n_r + s_c²/n_c), with ν by Welch and Satterthwaite, so
    that neither equal spreads nor equal counts are assumed (Welch, "The generalization of
    'Student's' problem when several different population variances are involved", Biometrika 34,
    1947). `blocks` is the smaller count. No bounds when that is 1. Raises ValueError without
    values or for one that is not positive.
    """
    if not reference or not candidate or min(*reference, *candidate) <= 0:
        raise ValueError("a ratio needs positive values on both sides")
    before, after = np.log(reference), np.log(candidate)
    mean = float(after.mean() - before.mean())
    blocks = min(len(before), len(after))
    if blocks < 2:
        return Interval(mean, None, None, blocks)
    # Squared standard errors, of either mean.
    parts = [float(logs.var(ddof=1)) / len(logs) for logs in (before, after)]
    freedom = _freedom(parts, (len(before), len(after)))
    half_width = float(stdtrit(freedom, (1 + confidence) / 2)) * math.sqrt(sum(parts))
    return Interval(mean, mean - half_width, mean + half_width, blocks, freedom)


def _freedom(parts: Sequence[float], counts: Sequence[int]) -> float:
    """ν = (Σ p)² ÷ Σ p²/(n−1); where nothing varies it has no value, and does not matter."""
    if sum(parts) == 0:
        return float(min(counts) - 1)
    shares = [part / sum(parts) for part in parts]
    return 1 / sum(share**2 / (n - 1) for share, n in zip(shares, counts, strict=True))
