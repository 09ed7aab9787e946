"""The protocol's event families: what may be recorded, how a logged event looks outside, and what may follow what."""
