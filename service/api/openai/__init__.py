"""The face that clients of the OpenAI API know: models, completions and chats, through the same gateway and engine."""
