"""Runs on another machine: what is sent there, what runs there, what comes back; modal is not known here."""
