"""What the operator watches: figures, logs and traces, none of them with content of a request."""
