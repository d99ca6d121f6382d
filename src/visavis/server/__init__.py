"""The operations over HTTP: Starlette's routes on uvicorn, with a gateway behind them."""
