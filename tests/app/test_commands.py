"""The command line as an operator uses it: real processes, one data folder, good input and bad."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("BUQI_")}
MESSAGES = [
    {
        "channel": "webchat",
        "resident": "a",
        "community": "P05-01",
        "at": "2026-09-01T08:00:00",
        "text": "小区没车位停车难",
    },
    {
        "channel": "telegram",
        "resident": "b",
        "community": "P05-01",
        "at": "2026-09-02T08:00:00",
        "text": "小区里没有车位，停不下车",
    },
    {
        "channel": "webchat",
        "resident": "c",
        "community": "P05-02",
        "at": "2026-09-03T08:00:00",
        "text": "老楼没电梯，想加装电梯",
    },
]


class Installation:
    """`buqi` with a data folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = ENVIRONMENT | {"BUQI_DATA_DIR": str(folder / "data")}

    def command(self, *arguments: str) -> list[str]:
        """The command line."""
        return [str(Path(sys.executable).with_name("buqi")), *arguments]

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end."""
        return subprocess.run(
            self.command(*arguments),
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation with a trained reader and three messages."""
    made = Installation(tmp_path_factory.mktemp("installation"))
    trained = made.run("train")
    assert trained.returncode == 0, trained.stderr
    file = made.folder / "messages.jsonl"
    lines = [json.dumps(message, ensure_ascii=False) for message in MESSAGES]
    file.write_text("\n".join([*lines, "{broken"]), encoding="utf-8")
    replayed = made.run("replay", str(file))
    assert replayed.returncode == 3, replayed.stderr
    assert "第 4 行" in replayed.stderr
    return made


def test_doctor__healthy_installation__finds_nothing_wrong(installation: Installation) -> None:
    told = installation.run("doctor")
    assert told.returncode == 0, told.stdout
    assert "✗" not in told.stdout


def test_doctor__nothing_set_up__says_how(tmp_path: Path) -> None:
    told = Installation(tmp_path).run("doctor")
    assert told.returncode == 1
    assert "buqi migrate" in told.stdout
    assert "✓ 识别模型" in told.stdout
    assert list(tmp_path.rglob("*.db")) == []


def test_export__both_formats__hold_the_same_totals(installation: Installation) -> None:
    for name in ("demand.xlsx", "demand.csv"):
        made = installation.run(
            "export", "demand", "--format", name[-4:].strip("."), "--out", str(installation.folder / name)
        )
        assert made.returncode == 0, made.stderr
    csv_lines = (installation.folder / "demand.csv").read_text(encoding="utf-8-sig").splitlines()
    head = csv_lines[0].split(",")
    voices = sum(int(line.split(",")[head.index("需求人次")]) for line in csv_lines[1:])
    sheet = openpyxl.load_workbook(installation.folder / "demand.xlsx")["需求汇总"]
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    top = next(number for number, row in enumerate(rows) if "需求人次" in row)
    assert voices == sum(row[rows[top].index("需求人次")] or 0 for row in rows[top + 1 :]) == 3


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("export", "demand", "--out", "x.xlsx", "--area", "MARS"), "MARS"),
        (("export", "demand", "--out", "x.xlsx", "--since", "yesterday"), "yesterday"),
        (("export", "demand", "--out", "x.pdf", "--format", "pdf"), "pdf"),
        (("export", "demand", "--out", "/nowhere/x.xlsx"), "/nowhere/x.xlsx"),
        (("replay", "/nowhere.jsonl"), "/nowhere.jsonl"),
        (("classify", "--input", "/nowhere.jsonl"), "/nowhere.jsonl"),
        (("survey", "push", "nonsense", "--area", "P05-01"), "nonsense"),
        (("survey", "push", "resident_form", "--area", "MARS"), "MARS"),
        (("staff", "invite", "--area", "MARS"), "MARS"),
    ],
)
def test_commands__bad_input__one_sentence_names_it(
    installation: Installation, arguments: tuple[str, ...], told: str
) -> None:
    made = installation.run(*arguments)
    assert made.returncode == 1
    assert told in made.stderr
    assert "Traceback" not in made.stderr


def test_commands__wrong_settings__all_told_at_once(installation: Installation) -> None:
    made = installation.run("serve", BUQI_PROT="1", BUQI_LANGUAGE="fr")
    assert made.returncode == 1
    assert "BUQI_PORT" in made.stderr
    assert "BUQI_LANGUAGE" in made.stderr


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("BUQI_CITY", "atlantis", "atlantis"),
        ("BUQI_DATA_DIR", "/proc/nowhere", "/proc/nowhere"),
        ("BUQI_DATABASE_URL", "postgresql://postgres@127.0.0.1:1/none", "127.0.0.1:1"),
        ("BUQI_DATABASE_URL", "sqlite:///{folder}/messages.jsonl", "messages.jsonl"),
        ("BUQI_DATABASE_URL", "mysql://x/y", "postgresql://"),
    ],
)
def test_migrate__what_cannot_be_used__is_told_in_a_sentence(
    installation: Installation, name: str, value: str, told: str
) -> None:
    made = installation.run("migrate", **{name: value.format(folder=installation.folder)})
    assert made.returncode == 1
    assert told in made.stderr
    assert "Traceback" not in made.stderr


def test_classify__into_its_own_input__is_refused(installation: Installation) -> None:
    file = installation.folder / "same.jsonl"
    file.write_text('{"id": 1, "text": "没有公厕"}\n', encoding="utf-8")
    made = installation.run("classify", "--input", str(file), "--output", str(file))
    assert made.returncode == 1
    assert file.read_text(encoding="utf-8")


def test_classify__lines_in__lines_out(installation: Installation) -> None:
    source, sink = installation.folder / "in.jsonl", installation.folder / "out.jsonl"
    source.write_text(
        '{"id": 1, "text": "小区没车位，公交站也太远"}\n{oops\n{"id": "b", "text": "着火了"}\n', encoding="utf-8"
    )
    made = installation.run("classify", "--input", str(source), "--output", str(sink))
    assert made.returncode == 3
    first, second = [json.loads(line) for line in sink.read_text(encoding="utf-8").splitlines()]
    assert (first["id"], first["intent"]) == (1, "need_report")
    assert {need["leaf"] for need in first["needs"]} == {"car_parking", "bus_stop"}
    assert all({"leaf", "p", "start", "end", "nature"} <= need.keys() for need in first["needs"])
    assert (second["id"], second["emergency"]) == ("b", "fire")
    for line in (first, second):
        assert {len(line[name]) for name in ("model", "corpus", "dictionary")} == {16}


def test_evaluate__labelled_file__faults_told_by_line_in_the_readers_language(installation: Installation) -> None:
    file = installation.folder / "labelled.jsonl"
    good = '{"text": "谢谢", "intent": "thanks", "leaves": []}'
    file.write_text(f'{good}\n{{"text": "你好", "intent": "greeting"}}\n{{"txt": 1}}\n', encoding="utf-8")
    made = installation.run("evaluate", str(file))
    assert made.returncode == 3
    assert "1 messages, 2 broken lines" in made.stdout
    second, third = made.stderr.splitlines()
    assert "第 2 行" in second and "greeting_chitchat" in second
    assert "第 3 行" in third and "“text”" in third
    assert "line 3" in installation.run("evaluate", str(file), BUQI_LANGUAGE="en").stderr


def test_evaluate__empty_file__is_refused(installation: Installation) -> None:
    file = installation.folder / "empty.jsonl"
    file.write_text("\n", encoding="utf-8")
    made = installation.run("evaluate", str(file))
    assert (made.returncode, made.stdout) == (1, "")
    assert "empty.jsonl" in made.stderr


def test_train__labels_and_history__tell_of_the_site(installation: Installation) -> None:
    trained = installation.run("train", "--dry-run")
    assert trained.returncode == 0, trained.stderr
    assert "还没有现场标注" in trained.stdout
    assert "0 条" in installation.run("labels").stdout
    told = installation.run("train", "--history")
    assert told.returncode == 0
    assert "语料模型" in told.stdout and "正在使用" in told.stdout
    refused = installation.run("train", "--rollback")
    assert (refused.returncode, "语料模型" in refused.stderr) == (1, True)
    assert installation.run("train", "--rollback", "--history").returncode == 1
    assert installation.run("labels", "--corpus").returncode == 1


def test_doctor__champion_that_fits_no_more__says_so(installation: Installation) -> None:
    file = installation.folder / "data" / "models" / "champion.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text('{"version": "0ld"}', encoding="utf-8")
    try:
        told = installation.run("doctor")
    finally:
        file.unlink()
    assert told.returncode == 1
    assert "0ld" in told.stdout
    assert "buqi train" in told.stdout


def test_doctor__gazetteer__is_read_and_its_faults_told(installation: Installation) -> None:
    assert "✓ 地名表" in installation.run("doctor").stdout
    file = installation.folder / "data" / "gazetteer.tsv"
    try:
        file.write_text("锦绣城\testate\tP05-01\n", encoding="utf-8")
        assert "1 个地名" in installation.run("doctor").stdout
        file.write_text("锦绣城\testate\tDZ-DC-XHU\n城\testate\n", encoding="utf-8")
        told = installation.run("doctor")
    finally:
        file.unlink()
    assert told.returncode == 1
    assert "✗ 地名表" in told.stdout
    assert all(part in told.stdout for part in (str(file), "第 1 行", "新湖街道", "第 2 行"))


@pytest.fixture
def server(installation: Installation, tmp_path: Path) -> Iterator[tuple[Installation, int]]:
    """A serving process on a copy of the installation."""
    shutil.copytree(installation.folder / "data", tmp_path / "data", ignore=shutil.ignore_patterns("*.lock"))
    serving = Installation(tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        serving.command("serve", "--port", str(port)), env=serving.environment, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
                    assert answer.status == 200
                    break
            except OSError:
                assert process.poll() is None
                time.sleep(0.2)
        yield serving, port
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) in (0, -signal.SIGTERM)


def test_serve__commands_beside_it__reach_the_database_through_it(server: tuple[Installation, int]) -> None:
    serving, port = server
    invited = serving.run("staff", "invite", "--area", "P05-01")
    assert invited.returncode == 0, invited.stderr
    assert "/start " in invited.stdout
    pushed = serving.run("survey", "push", "resident_form", "--area", "P05-01", "--at", "2099-01-01 09:00")
    assert pushed.returncode == 0, pushed.stderr
    refused = serving.run("replay", str(serving.folder / "data" / "control.json"))
    assert refused.returncode == 1
    assert "buqi serve" in refused.stderr
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as page:
        assert b"buqi_inbox" in page.read()
    stranger = urllib.request.Request(f"http://127.0.0.1:{port}/control", data=b"{}")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(stranger, timeout=10)
