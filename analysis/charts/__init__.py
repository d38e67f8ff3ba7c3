"""The report's charts, in its order. A new one is a function in a file here and a line below."""

from analysis.charts.capacity import cpu_per_request, throughput
from analysis.charts.chart import Chart, Measured, NotAskedError, NothingToDrawError, Picture
from analysis.charts.distance import distance
from analysis.charts.drift import drift
from analysis.charts.frontier import frontier, frontier_latency
from analysis.charts.latency import latency
from analysis.charts.outages import outages
from analysis.charts.refresh import refresh
from analysis.charts.revocation import revocation
from analysis.charts.slo import slo
from analysis.charts.tabs import tabs

CHARTS: tuple[Chart, ...] = (
    frontier,
    frontier_latency,
    throughput,
    cpu_per_request,
    latency,
    distance,
    slo,
    drift,
    revocation,
    refresh,
    tabs,
)

# Of runs with outages; no other run lacks them.
OUTAGE_CHARTS: tuple[Chart, ...] = (outages,)

__all__ = [
    "CHARTS",
    "OUTAGE_CHARTS",
    "Chart",
    "Measured",
    "NotAskedError",
    "NothingToDrawError",
    "Picture",
    "distance",
]
