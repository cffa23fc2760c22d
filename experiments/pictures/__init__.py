"""Pictures of policies and of many runs, and what all pictures share."""
