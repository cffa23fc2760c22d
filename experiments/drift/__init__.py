"""What sampling actions pay in real training runs: b_k(t) and Delta(s), measured."""
