"""Training: from an opened run to its last checkpoint. Importing the modules in here imports torch."""
