"""A policy of any kind and its environment: read, dressed as in training, asked for actions."""
