"""Benchmarks: a load generator, floors measured in the same run, a naive pipeline to compare with, and the report."""
