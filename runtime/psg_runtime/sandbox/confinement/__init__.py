"""What runs beside a sandboxed program: sets its boundary up, watches it, ends all of it.

Standard library only, and nothing of ours outside this folder: it is started as a program of its own in an interpreter
without site packages (``python -I -S``), so that setting up needs no code between fork and exec of a threaded process.
"""
