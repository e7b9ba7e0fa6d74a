"""The program `buqi`. Faults come as one sentence with a way out, in the operator's language.

`buqi serve` with plain options starts here; every other command line is read by typer, which brings 8 MB that a server
would keep.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from app.settings import Settings, load_settings
from domain.errors import AppError, InputError
from domain.texts import Texts, load_texts

#: One message's arrays are small: more numerical threads only take memory.
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")


def main() -> None:
    """The console script: runs a command and turns our own faults into one sentence and exit code 1."""
    try:
        options = serve_options(sys.argv[1:])
        if options is not None:
            start_serving(*options)
        else:
            from app.cli import run

            run()
    except AppError as exc:
        fail(exc)
    except OSError as exc:  # a folder that cannot be made, a disk that is full
        fail(InputError("file.unwritable", file=str(exc.filename or "-"), fault=exc.strerror or str(exc)))
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def fail(error: AppError) -> NoReturn:
    """Says what is wrong and leaves with exit code 1."""
    print(own_texts().error(error), file=sys.stderr)
    raise SystemExit(1)


def own_texts() -> Texts:
    """The sentences of this command line, even when the settings are wrong."""
    return load_texts("en" if os.environ.get("BUQI_LANGUAGE") == "en" else "zh")


def own_settings(**instead: str | None) -> Settings:
    """The settings of this process, some given `instead` on the command line, and logs as they say."""
    from app.logs import configure_logs

    given = {f"BUQI_{name.upper()}": value for name, value in instead.items() if value is not None}
    settings = load_settings({**os.environ, **given})
    configure_logs(settings.log_level)
    return settings


def serve_options(arguments: Sequence[str]) -> tuple[str | None, int | None] | None:
    """Host and port of `serve [--host HOST] [--port PORT]`; None for any other command line."""
    if arguments[:1] != ["serve"]:
        return None
    rest = [part for argument in arguments[1:] for part in argument.split("=", 1)]
    given = dict(zip(rest[::2], rest[1::2], strict=False))
    port = given.get("--port", "0")
    if len(rest) % 2 or not given.keys() <= {"--host", "--port"} or not (port.isascii() and port.isdigit()):
        return None
    return given.get("--host"), int(port) if "--port" in given else None


def start_serving(host: str | None = None, port: int | None = None) -> None:
    """Serves until stopped; without host or port as the settings say."""
    for name in THREADS:
        os.environ.setdefault(name, "1")
    gc.disable()  # nothing made while starting is given up again; the server turns it on when it is ready
    settings = own_settings(host=host, port=None if port is None else str(port))
    from app.serve import serve
    from app.wiring import build

    app = build(settings, "buqi serve")
    try:
        serve(app, settings.host, settings.port)
    finally:
        app.close()


if __name__ == "__main__":
    main()
