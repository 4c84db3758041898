"""Runs on disk: experiment ids, run directories, checkpoints, records."""
