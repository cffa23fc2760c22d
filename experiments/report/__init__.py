"""One self-contained page about a folder of results."""
