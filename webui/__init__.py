"""The pages. The only code that sees a request: it fetches, checks, calls one service and renders."""
