"""The HTTP server: a Starlette app on uvicorn that passes requests to a gateway."""
