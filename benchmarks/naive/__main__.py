"""`python -m benchmarks.naive --port P --data DIR`: serves POST /telegram/webhook on 127.0.0.1."""

from __future__ import annotations

import argparse
import asyncio
import os
from pathlib import Path

import jieba
from aiogram import Bot, Dispatcher
from aiogram.webhook.aiohttp_server import SimpleRequestHandler, setup_application
from aiohttp import web
from sqlalchemy.ext.asyncio import async_sessionmaker

from benchmarks.naive.classifier import load_classifier
from benchmarks.naive.handlers import DatabaseMiddleware, router
from benchmarks.naive.tables import open_database

TOKEN = os.environ.get("NAIVE_TELEGRAM_TOKEN", "123456:TEST")
SECRET = os.environ.get("NAIVE_TELEGRAM_SECRET", "")


async def make_app(data: Path) -> web.Application:
    """The web application around one dispatcher, its database and classifier in `data`."""
    data.mkdir(parents=True, exist_ok=True)
    jieba.initialize()
    engine = await open_database(data / "naive.sqlite3")
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    dispatcher = Dispatcher(classifier=load_classifier(data / "model.joblib"))
    router.message.middleware(DatabaseMiddleware(sessions))
    dispatcher.include_router(router)
    dispatcher.shutdown.register(engine.dispose)
    app = web.Application()
    # the answer is given after handling, so that Telegram repeats what was not stored
    handler = SimpleRequestHandler(dispatcher, Bot(TOKEN), handle_in_background=False, secret_token=SECRET or None)
    handler.register(app, path="/telegram/webhook")
    setup_application(app, dispatcher)
    return app


def main() -> None:
    """Serves until stopped."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.naive", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    arguments = parser.parse_args()
    jieba.setLogLevel("WARNING")
    loop = asyncio.new_event_loop()
    app = loop.run_until_complete(make_app(arguments.data))
    web.run_app(
        app,
        host="127.0.0.1",
        port=arguments.port,
        access_log=None,
        print=lambda *_: None,
        loop=loop,
    )


if __name__ == "__main__":
    main()
