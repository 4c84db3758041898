"""Using trained models: loaded by a reference, told new recordings, evaluated on labelled ones."""
