"""Config classes: what they may be made of, and how their fields are told in plain words."""
