"""The FastAPI application: routers, static files, security headers, errors in the reader's language."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.base import RequestResponseEndpoint

from domain.errors import AppError
from domain.texts import load_texts
from web import assets
from web.language import language_of
from web.services import Services

STATIC = Path(__file__).parent / "static"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def build(services: Services) -> FastAPI:
    """The pages and their API. No docs from a CDN: the OpenAPI document alone is served, at /openapi.json."""
    from web import chat, planner

    app = FastAPI(title="Buqi", docs_url=None, redoc_url=None)
    app.state.services = services
    app.include_router(planner.router(services))
    app.include_router(chat.router(services))
    app.mount("/static", StaticFiles(directory=STATIC), name="static")

    @app.middleware("http")
    async def _secure(request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    @app.exception_handler(AppError)
    async def _problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, AppError)
        texts = load_texts(language_of(request, services.language))
        return JSONResponse(
            {"error": error.code, "message": texts.error(error)},
            status_code=error.status,
            headers={"Retry-After": "2"} if error.retryable else None,
        )

    @app.exception_handler(HTTPException)
    async def _lost(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return _no_such_page(request, error, services.language)

    return app


def _no_such_page(request: Request, error: HTTPException, language: str) -> Response:
    """A person gets a page in both languages, Chinese first; a program gets JSON."""
    if "text/html" in request.headers.get("accept", ""):
        sentences = (load_texts("zh"), load_texts("en"))
        html = assets.templates().get_template("lost.html").render(sentences=sentences, stamp=assets.stamp)
        return HTMLResponse(html, error.status_code, error.headers)
    texts = load_texts(language_of(request, language))
    code = "web.method" if error.status_code == 405 else "web.lost.title"
    return JSONResponse({"error": code, "message": texts(code)}, error.status_code, error.headers)
