"""What rows and numbers say: statistics of censored times, findings, tables of many runs."""
