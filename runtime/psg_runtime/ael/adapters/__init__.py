"""Adapters: one way of doing actions each; none of them sees the database."""
