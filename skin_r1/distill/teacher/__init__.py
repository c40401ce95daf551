"""Teachers that see the image: any OpenAI-compatible endpoint, or vLLM without a server; asked once, whatever happens."""
