"""Studies: one file that stands for many experiments, run here or in the cloud."""
