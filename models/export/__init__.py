"""Exports a checkpoint in Hugging Face's layout to a model folder of Iris: ONNX parts, tokenizer and model.json."""
