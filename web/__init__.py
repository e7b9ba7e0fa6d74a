"""HTTP: the planners' page and downloads, the residents' web chat. FastAPI and Jinja2; nothing from outside."""
