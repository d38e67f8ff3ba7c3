"""The frontier: what a request costs against how long a revoked user stays in, an arm a point."""

from analysis.frontier.points import Frontier, NoFrontierError, Point, frontier_of

__all__ = ["Frontier", "NoFrontierError", "Point", "frontier_of"]
