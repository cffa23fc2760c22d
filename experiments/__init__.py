"""Evidence: runs, results, tracking, plots."""
