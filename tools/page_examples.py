"""Make the example photos of the web page: the photos in examples/photos, made smaller, and a group of four people.

python -m tools.page_examples
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

PHOTOS = Path(__file__).parents[1] / "examples" / "photos"
PAGE = Path(__file__).parents[1] / "src" / "visavis" / "server" / "page" / "files"

SINGLE = ("ardern_2018", "ardern_2022", "obama", "sunak")
HEIGHT = 560  # pixels
GROUP = (("obama", 420), ("ardern_2022", 360), ("sunak", 450), ("macron_2025", 380))
"""The people of the group and the height of each photo in it."""
QUALITY = 82


def main() -> None:
    """Write the files into the folder of the page."""
    for name in SINGLE:
        _resized(name, HEIGHT).save(PAGE / f"{name}.jpg", quality=QUALITY, optimize=True)
    people = [_resized(name, height) for name, height in GROUP]
    group = Image.new("RGB", (sum(image.width for image in people), max(image.height for image in people)), "#8a8f96")
    left = 0
    for image in people:
        group.paste(image, (left, group.height - image.height))
        left += image.width
    group.save(PAGE / "group.jpg", quality=QUALITY, optimize=True)


def _resized(name: str, height: int) -> Image.Image:
    with Image.open(PHOTOS / f"{name}.jpg") as image:
        width = round(image.width * height / image.height)
        return image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main()
