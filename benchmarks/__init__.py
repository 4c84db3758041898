"""Measurements that the README tells; each module is one command."""
