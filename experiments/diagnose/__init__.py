"""Is a trained model stuck or converged? From the command line."""
