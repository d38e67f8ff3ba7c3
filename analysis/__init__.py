"""Reads run folders and says what they show: metrics, intervals, verdicts, charts, a report."""
