"""Makes ``guide.html`` (the guide of Neo4j Browser 5) from ``guide.adoc`` (the guide of its successor).

Run it after a change of the guide or of a saved query: ``python docs/render_browser_guide.py``. It knows only the
little AsciiDoc that the guide uses: titles, paragraphs, lists, `code` and Cypher listings.
"""

from __future__ import annotations

import html
import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "cypher" / "psg_cypher" / "browser"
_RUNNABLE = "pre-scrollable programlisting cm-s-neo code runnable standalone-example"
_LISTING = re.compile(r"\[source,cypher\]\n----\n(.*?)\n----\n", re.DOTALL)


def listings(text: str) -> list[str]:
    """The Cypher listings of an AsciiDoc guide, in order."""
    return _LISTING.findall(text)


def render(text: str) -> str:
    """The HTML guide for an AsciiDoc guide: every section becomes a slide."""
    title, _, rest = text.partition("\n")
    slides = "".join(_slide(part) for part in re.split(r"^== ", rest, flags=re.MULTILINE)[1:])
    name = html.escape(title.removeprefix("= "))
    return (
        f'<article class="guide" id="psg">\n<title>{name}</title>\n'
        f'<carousel class="deck container-fluid">\n{slides}</carousel>\n</article>\n'
    )


def _slide(section: str) -> str:
    title, _, body = section.partition("\n")
    blocks: list[str] = []
    for i, part in enumerate(_LISTING.split(body)):
        if i % 2:
            blocks.append(f'<pre mode="cypher" class="{_RUNNABLE}">{html.escape(part, quote=False)}</pre>')
        else:
            blocks += [_text(block) for block in re.split(r"\n\s*\n", part.strip()) if block.strip()]
    inner = "\n".join(blocks)
    return (
        '<slide class="row-fluid">\n<div class="col-sm-12">\n'
        f"<h3>{html.escape(title)}</h3>\n{inner}\n</div>\n</slide>\n"
    )


def _text(block: str) -> str:
    if block.startswith("* "):
        items = "".join(f"<li>{_words(item)}</li>\n" for item in block.removeprefix("* ").split("\n* "))
        return f"<ul>\n{items}</ul>"
    return f"<p>{_words(block)}</p>"


def _words(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))


if __name__ == "__main__":
    source = (FOLDER / "guide.adoc").read_text("utf-8")
    (FOLDER / "guide.html").write_text(render(source), "utf-8")
