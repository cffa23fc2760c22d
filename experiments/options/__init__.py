"""What a run is told: typed options of runs, environments and agents, from line, file, defaults."""
