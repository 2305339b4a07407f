"""CLIP image embeddings by transformers on the CPU, for bench/embedding.ts: CHECKPOINT PHOTOS THREADS BATCH -> seconds as JSON."""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from PIL import Image
from transformers import CLIPModel
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

checkpoint, folder, threads, batch = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
torch.set_num_threads(threads)
model = CLIPModel.from_pretrained(checkpoint, dtype=torch.float32).eval()
processor = CLIPImageProcessorPil.from_pretrained(checkpoint)
read = lambda file: processor(Image.open(file).convert("RGB"), return_tensors="pt")["pixel_values"]  # noqa: E731
files = sorted(folder.iterdir())
with torch.inference_mode():
    model.get_image_features(pixel_values=torch.cat([read(file) for file in files[:batch]]))
    start = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        pixels = torch.cat(list(pool.map(read, files)))
    middle = time.perf_counter()
    for part in pixels.split(batch):
        model.get_image_features(pixel_values=part)
print(json.dumps({"reading": middle - start, "seeing": time.perf_counter() - middle}))
