"""The commands of ``psg``, a module for each subject."""
