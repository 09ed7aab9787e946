"""Writes ``jars.lock``, every jar of the pinned Neo4j: python -m psg_neo4j.embedded.lock

For maintainers: resolving needs jgo and the network; installing needs the lock file only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from jgo.maven import Artifact, MavenContext

from psg_neo4j.embedded.artifacts import BROWSER_VERSION, LOCK_FILE, NEO4J_VERSION, Jar, render_lock

ROOTS = (
    ("org.neo4j", "neo4j", NEO4J_VERSION),
    ("org.neo4j.app", "neo4j-server", NEO4J_VERSION),
    ("org.neo4j.client", "neo4j-browser", BROWSER_VERSION),
)


def resolve(context: MavenContext) -> list[Jar]:
    """Resolve the roots and everything they need at run time; downloads what is missing locally."""
    roots = [context.create_dependency(f"{group}:{artifact}:{version}") for group, artifact, version in ROOTS]
    inputs, transitive = context.resolver.resolve(roots)
    wanted = [
        dependency.artifact
        for dependency in (*inputs, *transitive)
        if dependency.scope in (None, "compile", "runtime") and dependency.artifact.packaging == "jar"
    ]
    return sorted(measured(wanted), key=lambda jar: jar.coordinate)


def measured(artifacts: Iterable[Artifact]) -> Iterable[Jar]:
    """Yield each artifact once, with the size and SHA-256 of its file."""
    seen: set[str] = set()
    for artifact in artifacts:
        parts = [artifact.groupId, artifact.artifactId, artifact.version]
        coordinate = ":".join([*parts, artifact.classifier] if artifact.classifier else parts)
        if coordinate in seen:
            continue
        seen.add(coordinate)
        content = Path(artifact.resolve()).read_bytes()
        yield Jar(coordinate, hashlib.sha256(content).hexdigest(), len(content))


def main() -> None:
    """Resolve and write the lock file beside this module."""
    jars = resolve(MavenContext())
    names = {jar.filename for jar in jars}
    if len(names) != len(jars):
        raise SystemExit("two jars have one file name; they cannot share a folder")
    Path(str(LOCK_FILE)).write_text(render_lock(jars), encoding="utf-8")


if __name__ == "__main__":
    main()
