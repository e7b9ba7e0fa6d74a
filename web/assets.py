"""What the browser gets besides pages: templates, and the chart library made from vl-convert at first use."""

from __future__ import annotations

import gzip
import hashlib
import os
import tempfile
import threading
from functools import cache
from importlib.metadata import version
from pathlib import Path

import jinja2
import msgspec

HERE = Path(__file__).parent
MADE = HERE / "static" / "made"  #: ignored by git: it holds its own .gitignore

_making = threading.Lock()


class Asset(msgspec.Struct, frozen=True):
    """A file with the hash of its content in its name: it may be cached for ever."""

    name: str
    content: bytes
    packed: bytes  #: gzip


@cache
def templates() -> jinja2.Environment:
    """The pages. Everything put into them is escaped; a missing value is an error, not a gap."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def stamp(name: str) -> str:
    """The address of a static file, changing with its content."""
    content = (HERE / "static" / name).read_bytes()
    return f"/static/{name}?v={hashlib.sha256(content).hexdigest()[:10]}"


def vega(folder: Path = MADE) -> Asset:
    """Vega, Vega-Lite and Vega-Embed as one module that sets `window.vegaEmbed`.

    Made by vl-convert (2 s, 84 MB) only when this version of it has not made the file yet. Where the folder cannot
    be written, the module is kept in memory alone.
    """
    with _making:
        return _vega(folder)


@cache
def _vega(folder: Path) -> Asset:
    prefix = f"vega-{version('vl-convert-python')}-"
    for path in sorted(folder.glob(prefix + "*.js")):
        content = path.read_bytes()
        if path.name == _name(prefix, content):  # a damaged or changed file is made anew
            return _asset(path.name, content)
    import vl_convert  # 84 MB: only when needed

    content = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;").encode()
    name = _name(prefix, content)
    _keep(folder, name, content)
    return _asset(name, content)


def _name(prefix: str, content: bytes) -> str:
    return f"{prefix}{hashlib.sha256(content).hexdigest()[:16]}.js"


def _asset(name: str, content: bytes) -> Asset:
    return Asset(name, content, gzip.compress(content, 6, mtime=0))


def _keep(folder: Path, name: str, content: bytes) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")
        handle, part = tempfile.mkstemp(dir=folder)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(part, 0o644)  # mkstemp gives it to this user alone
        os.replace(part, folder / name)
    except OSError:
        return  # a read-only installation: the module is made again at the next start
