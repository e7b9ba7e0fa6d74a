"""Surveys: definitions as data files, a pure flow, pushes through the outbox, results."""
