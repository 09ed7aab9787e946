"""``psg doctor``: what this installation stands on, each part judged by itself, with what to do about it."""
