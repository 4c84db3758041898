"""Coming from elsewhere: V3's weights as a run, and V3's settings as an experiment."""
