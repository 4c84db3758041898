"""Soaks: what holds a run's files to their promises for as long as one likes; see docs/reliability.md."""
