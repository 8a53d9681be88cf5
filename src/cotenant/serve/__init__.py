"""aiohttp apps: health and metrics."""
