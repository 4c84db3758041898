"""The built-in plugins; they use mabe_core's public surface alone."""
