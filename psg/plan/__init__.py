"""What a plan is before it is stored: its specification, its order, its certificate against cycles."""
