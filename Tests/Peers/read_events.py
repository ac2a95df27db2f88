"""Reads a folder of event files with TensorBoard's own reader and prints what it found as one JSON object.

    python Tests/Peers/read_events.py runs/NAME

{"scalars": {tag: [[step, value], ...]}, "images": {tag: [[step, width, height, PNG bytes], ...]}}
Needs `pip install tensorboard`. Exit code 1 when the reader finds neither scalars nor images.
"""
import json
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

# Zero keeps every event; the reader's default is a sample of them.
events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0, "images": 0})
events.Reload()
found = {
    "scalars": {
        tag: [[event.step, event.value] for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]
    },
    "images": {
        tag: [[event.step, event.width, event.height, len(event.encoded_image_string)] for event in events.Images(tag)]
        for tag in events.Tags()["images"]
    },
}
print(json.dumps(found))
sys.exit(0 if found["scalars"] or found["images"] else 1)
