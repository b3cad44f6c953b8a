"""Let the person in a video speak other words, and print what was done to which frames.

python examples/dub.py video.mp4 dubbed.mp4 [speech.flac]
"""

from __future__ import annotations

import sys
from pathlib import Path

from pdfgc import dub
from pdfgc.dubbing import Length, Region

video, out, *rest = sys.argv[1:]
speech = rest[0] if rest else Path(__file__).with_name("speech.flac")

report = dub(video, speech, out, region=Region.LIPS, length=Length.VIDEO)
print(report.text())
