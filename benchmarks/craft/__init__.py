"""Choices of model craft compared: `python -m benchmarks.craft`."""
