"""The commands: `buqi COMMAND`. A server that runs does not load this module."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.main import own_settings, own_texts, start_serving
from app.settings import Settings
from domain.errors import AppError, InputError, NotFound

if TYPE_CHECKING:
    from app.wiring import App

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Buqi 补齐: residents say what is missing near home; the city sees what to build.",
)
export = typer.Typer(no_args_is_help=True, help="Write tables to files.")
survey = typer.Typer(no_args_is_help=True, help="Push questionnaires and export their results.")
staff = typer.Typer(no_args_is_help=True, help="Community workers.")
cli.add_typer(export, name="export")
cli.add_typer(survey, name="survey")
cli.add_typer(staff, name="staff")

SKIPPED = 3  #: exit code: done, but some lines were skipped

InputFile = Annotated[Path, typer.Option("--input", "-i", help="JSON lines {id, text}; - for standard input.")]
OutputFile = Annotated[Path, typer.Option("--output", "-o", help="Where the result goes; - for standard output.")]
Area = Annotated[str | None, typer.Option("--area", help="Code of a city, district, street or community.")]


def run() -> None:
    """Runs the command of this process's arguments."""
    try:
        code = cli(standalone_mode=False)  # gives the exit code of typer.Exit back
    except typer.Abort:
        raise SystemExit(130) from None
    except AppError:
        raise
    except Exception as exc:
        if not hasattr(exc, "format_message"):  # click's own: wrong options
            raise
        exc.show()  # type: ignore[attr-defined]
        raise SystemExit(2) from None
    if code:
        raise SystemExit(code)


def _build(settings: Settings, purpose: str, *, demo: bool = False) -> App:
    from app.wiring import build

    return build(settings, purpose, demo=demo)


# serving


@cli.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on (BUQI_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (BUQI_PORT).")] = None,
) -> None:
    """Serve the bot, the web chat and the planners' pages."""
    start_serving(host, port)


@cli.command()
def chat(
    community: Annotated[str | None, typer.Option(help="Start as if this community's link was followed.")] = None,
    user: Annotated[str, typer.Option(help="Who is talking; the same name goes on where it stopped.")] = "console",
    record: Annotated[Path | None, typer.Option(help="Write the transcript to this file.")] = None,
) -> None:
    """Talk with the bot in the terminal."""
    from bot.channels import console

    app = _build(own_settings(), "buqi chat")
    try:
        asyncio.run(console.converse_terminal(app.gateway, user, community, record))
    finally:
        app.close()


@cli.command()
def migrate() -> None:
    """Create or update the database."""
    from app.wiring import open_database
    from storage.migrate import current

    settings = own_settings()
    database, _ = open_database(settings, "buqi migrate")
    try:
        print(
            own_texts()(
                "cli.migrated", url=database.url.render_as_string(hide_password=True), revision=current(database)
            )
        )
    finally:
        database.close()


@cli.command()
def doctor() -> None:
    """Check configuration, gazetteer, database, model, fonts, clock, tokens; each fault comes with a way out."""
    from app.doctor import examine

    if not examine(own_texts()):
        raise typer.Exit(1)


# understanding


@cli.command()
def train(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only compare; change nothing.")] = False,
    rollback: Annotated[bool, typer.Option("--rollback", help="Return to the champion before.")] = False,
    history: Annotated[bool, typer.Option("--history", help="List models, their figures and verdicts.")] = False,
) -> None:
    """Train the reader from the corpus and the site's labels; promote the new model only if it is better."""
    from app import learning

    settings, texts = own_settings(), own_texts()
    if dry_run + rollback + history > 1:
        raise InputError("learn.one_option")
    if rollback:
        learning.rollback(settings, texts)
    elif history:
        learning.history(settings, texts)
    else:
        learning.train(settings, texts, dry_run)


@cli.command()
def labels(
    noise: Annotated[bool, typer.Option("--noise", help="List labels that are probably wrong, as CSV.")] = False,
    corpus: Annotated[bool, typer.Option("--corpus", help="With --noise: the corpus's sentences as well.")] = False,
) -> None:
    """Count the labels residents and workers gave, or list those in doubt."""
    from app import noise as report

    settings, texts = own_settings(), own_texts()
    if corpus and not noise:
        raise InputError("labels.corpus_alone")
    if noise:
        report.write_noise(settings, texts, corpus, sys.stdout)
    else:
        print(report.counted(settings, texts))


@cli.command()
def classify(
    input: InputFile = Path("-"),
    output: OutputFile = Path("-"),
    words: Annotated[bool, typer.Option("--words", help="Name the words that decided; slower.")] = False,
) -> None:
    """Read JSON lines {id, text}; write {id, intent, intent_p, needs, places, emergency, masked}."""
    from app.wiring import places
    from nlp.classify import classify_file
    from nlp.reader import Reader

    settings = own_settings()
    if str(input) != "-" and str(output) != "-" and input.resolve() == output.resolve():
        raise InputError("file.same", file=str(input))
    with _source(input) as source, _sink(output) as sink:
        reader = Reader.open(settings.data_dir, places=places(settings))
        faults = classify_file(reader, source, sink, _tell_fault, with_words=words)
    if faults:
        raise typer.Exit(SKIPPED)


@cli.command()
def evaluate(
    file: Annotated[
        Path | None, typer.Argument(help="Labelled JSON lines {text, intent, leaves}; else the project's own tests.")
    ] = None,
    titles: Annotated[bool, typer.Option(help="Read a line's title as the first line of its message.")] = True,
) -> None:
    """Measure the reader on labelled messages, with 95 % intervals."""
    from nlp import evaluate, evaluate_mask, similar_fit
    from nlp.reader import Reader

    reader = Reader.open(own_settings().data_dir)
    if file is not None:
        with _source(file) as source:
            measured = evaluate.evaluate_file(reader, source, _tell_fault, titles)
        print(evaluate.render(measured))
        if measured.faults:
            raise typer.Exit(SKIPPED)
        return
    for testset in (evaluate.CHAT, evaluate.LETTERS):
        print(testset.name)
        print(evaluate.render(evaluate.evaluate_testset(reader, testset)))
    print(evaluate_mask.render(evaluate_mask.evaluate_masking()))
    print(similar_fit.render(similar_fit.measure(similar_fit.load_pairs())))


def _tell_fault(line: int, fault: InputError) -> None:
    print(own_texts().error(InputError("line.broken", line=line, fault=fault)), file=sys.stderr)


def _source(path: Path) -> Any:
    import contextlib

    if str(path) == "-":
        return contextlib.nullcontext(sys.stdin)
    if not path.is_file():
        raise NotFound("file.missing", file=str(path))
    return path.open(encoding="utf-8", errors="surrogateescape")


def _sink(path: Path) -> Any:
    import contextlib

    if str(path) == "-":
        return contextlib.nullcontext(sys.stdout)
    try:
        return path.open("w", encoding="utf-8")
    except OSError as exc:
        raise InputError("file.unwritable", file=str(path), fault=exc.strerror or str(exc)) from exc


# messages in, tables out


@cli.command()
def replay(file: Annotated[Path, typer.Argument(help="JSON lines {channel, resident, community, at, text}.")]) -> None:
    """Send a file of messages through the whole pipeline; prints what was counted."""
    from app.replay import replay_file

    settings = own_settings()
    if not file.is_file():
        raise NotFound("file.missing", file=str(file))
    app = _build(settings, "buqi replay")
    try:
        result = replay_file(app, file, own_texts())
    finally:
        app.close()
    if result.faults or result.failed:
        raise typer.Exit(SKIPPED)


@cli.command()
def demo(
    port: Annotated[int, typer.Option(help="Port to serve on.")] = 8000,
    once: Annotated[bool, typer.Option("--once", help="Stop after the tables are written.")] = False,
) -> None:
    """Fill a database of its own with invented residents, write the workbook, and serve."""
    from app.demo import run_demo

    run_demo(own_settings(), own_texts(), port, once)


@export.command()
def demand(
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")],
    format: Annotated[str, typer.Option("--format", "-f", help="xlsx or csv.")] = "xlsx",
    area: Area = None,
    since: Annotated[str | None, typer.Option(help="First day, such as 2026-09-01.")] = None,
    until: Annotated[str | None, typer.Option(help="Last day, inclusive.")] = None,
) -> None:
    """Demand by community and facility, with its dictionary and quality sheets."""
    from app.exports import export_demand

    settings = own_settings()
    path = export_demand(settings, out, format, area, since, until)
    print(own_texts()("cli.written", file=path))


@cli.command()
def topics(
    area: Area = None,
    since: Annotated[str | None, typer.Option(help="Count from this day on, such as 2026-09-01.")] = None,
    format: Annotated[str, typer.Option("--format", "-f", help="text or csv.")] = "text",
) -> None:
    """Find the sub-topics of every facility anew; show what is new and what grows."""
    from app.topics import topics_report

    print(topics_report(own_settings(), area, since, format))


# surveys and staff


@survey.command()
def push(
    name: Annotated[str, typer.Argument(help="Code of the survey.")],
    area: Annotated[str, typer.Option("--area", help="Code of the area to ask.")],
    at: Annotated[
        str | None, typer.Option("--at", help="City time, such as '2026-12-01 09:00'; now by default.")
    ] = None,
) -> None:
    """Invite an area's consented residents to a survey."""
    from app import control

    result = control.run(own_settings(), "survey push", {"survey": name, "area": area, "at": at})
    print(own_texts()("cli.pushed", **result))


@survey.command()
def results(
    name: Annotated[str, typer.Argument(help="Code of the survey.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")],
    format: Annotated[str, typer.Option("--format", "-f", help="xlsx or csv.")] = "xlsx",
) -> None:
    """Write a survey's answers: one row per respondent, and the counts."""
    from app.exports import export_results

    path = export_results(own_settings(), name, out, format)
    print(own_texts()("cli.written", file=path))


@staff.command()
def invite(
    area: Annotated[str, typer.Option("--area", help="Code of the area the worker looks after.")],
    role: Annotated[str, typer.Option("--role", help="worker.")] = "worker",
) -> None:
    """Make a one-time code that links a worker's Telegram account to an area."""
    from app import control

    result = control.run(own_settings(), "staff invite", {"role": role, "area": area})
    print(own_texts()("cli.invited", **result))


@staff.command("list")
def list_staff() -> None:
    """Show who is linked: id, role, area."""
    from app import control

    texts = own_texts()
    people = control.run(own_settings(), "staff list", {})["staff"]
    for person in people:
        print(texts("cli.staff", **person))
    if not people:
        print(texts("cli.staff_none"))


@staff.command()
def revoke(number: Annotated[int, typer.Argument(metavar="ID", help="As `buqi staff list` shows it.")]) -> None:
    """End somebody's access at once; their judgements stay."""
    from app import control

    print(own_texts()("cli.revoked", **control.run(own_settings(), "staff revoke", {"id": number})))
