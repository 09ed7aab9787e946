"""What can be wrong between the graph and the files, directories and git refs that it knows."""

from __future__ import annotations

from typing import ClassVar

from psg.errors import Invalid, NotFound, Refused, ValidationFailed
from psg_neo4j.errors import Category


class OutsideRoot(ValidationFailed):
    """A path leaves the directory that is tracked: by `..`, or through a symbolic link."""

    code = "outside_root"


class UnknownRoot(NotFound):
    """No directory of this name is tracked in this project."""

    code = "unknown_root"


class RootMissing(Refused):
    """The tracked directory itself cannot be read here; nothing is taken for deleted because of that."""

    code = "root_missing"
    category: ClassVar[Category] = "resource_error"
    retryable = True


class ContentNotKept(Refused):
    """The graph holds no more than the hash of this: it cannot be restored or merged."""

    code = "content_not_kept"
    category: ClassVar[Category] = "resource_error"


class ChangedMeanwhile(Refused):
    """It is not what it was when it was decided to write it; nothing was overwritten."""

    code = "changed_meanwhile"
    category: ClassVar[Category] = "resource_error"
    retryable = True


class NotAFile(Invalid):
    """At this path there is something else than an ordinary file: a directory, a link, a device."""

    code = "not_a_file"


class Unreadable(Refused):
    """It is there, but cannot be read or written with the rights of this process."""

    code = "unreadable"
    category: ClassVar[Category] = "resource_error"
