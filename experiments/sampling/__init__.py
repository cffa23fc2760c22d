"""The protocol on ASRSampling-v0: the account of the ASR well against training runs."""
