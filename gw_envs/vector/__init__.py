"""What vector forms need: actions by type, episodes that end apart, streams, processes."""
