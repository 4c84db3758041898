"""Several runs beside each other: what differs, how they score, and how sure the difference is."""
