"""The ways out of a well, raced from one start."""
