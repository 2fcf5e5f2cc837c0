"""What the net is about to live through, made durable before it does."""
