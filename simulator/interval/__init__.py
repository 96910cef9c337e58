"""Intervals, computed once for all estimators from per-row terms. One kind, one file, one paper."""
