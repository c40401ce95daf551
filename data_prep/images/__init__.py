"""Images: found (`find`), read and checked (`pixels`, `coded`), hashed (`phash`), judged (`quality`), stored (`intake`)."""
