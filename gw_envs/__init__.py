"""Gravity wells as Gymnasium environments."""
