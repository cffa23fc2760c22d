"""Learners for gravity wells; import the part you need, e.g. `agents.softmax_pg`."""
