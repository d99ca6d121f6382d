// Boxes and landmarks on the photos, the lines between them, and the axis of similarities. All sizes are CSS pixels.

const SVG = "http://www.w3.org/2000/svg";

/** A new SVG element with attributes and children. */
export function shape(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const BADGE = 20; // height of a badge
const MIN_NUMBERED = 28; // width from which a box has room for its number in a corner

/** What marks a verdict besides its colour. */
export const MARKS = { match: "✓", review: "?", other: "✕", source: "" };

/**
 * Draw faces on a photo.
 *
 * overlay: the SVG over the photo, of width x height; faces: [{box, landmarks, verdict, number, badge, key}], most
 * important first. A badge that finds no place beside its box becomes a small number in a corner of the box, if that has
 * room for it. The list below the photo has every face.
 */
export function drawFaces(overlay, width, height, faces) {
  overlay.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const rectangles = faces.map(({ box }) => ({
    x: box.Left * width, y: box.Top * height, width: box.Width * width, height: box.Height * height,
  }));
  const taken = [];
  const groups = faces.map((face, i) => {
    const rectangle = rectangles[i];
    const others = rectangles.filter((_, j) => j !== i);
    const group = shape("g", { class: `face ${face.verdict}`, "data-key": face.key });
    group.append(shape("rect", { class: "halo", ...rectangle, rx: 3 }), shape("rect", { class: "box", ...rectangle, rx: 3 }));
    const points = shape("g", { class: "landmarks" });
    const radius = Math.max(1, Math.min(2.5, rectangle.width / 60));
    for (const { X, Y } of face.landmarks ?? []) points.append(shape("circle", { cx: X * width, cy: Y * height, r: radius }));
    group.append(points);
    const place = placeFor(rectangle, face.badge, [...taken, ...others], width, height);
    if (place) {
      taken.push(place);
      group.append(shape("rect", { class: "badge", ...place, rx: 4 }), written(face.badge, place, "badge-text", 14.5));
    } else if (rectangle.width >= MIN_NUMBERED) {
      const small = { x: rectangle.x, y: rectangle.y, width: 5 + 6 * String(face.number).length, height: 13 };
      group.append(shape("rect", { class: "badge", ...small }), written(face.number, small, "small-number", 10));
    }
    return group;
  });
  overlay.replaceChildren(...groups.reverse()); // the most important on top
}

const written = (text, place, className, baseline) =>
  Object.assign(shape("text", { class: className, x: place.x + place.width / 2, y: place.y + baseline }), { textContent: text });

/** A place beside the box that covers no other badge and no other face; null if there is none. */
function placeFor(box, text, taken, width, height) {
  const size = { width: 10 + 7.4 * text.length, height: BADGE };
  const right = box.x + box.width - size.width;
  const above = box.y - BADGE - 2;
  const below = box.y + box.height + 2;
  const places = [[box.x, above], [box.x, below], [right, above], [right, below], [box.x + box.width + 3, box.y], [box.x - size.width - 3, box.y]];
  for (const [x, y] of places) {
    const place = { x: Math.max(0, Math.min(x, width - size.width)), y, ...size };
    const inside = y >= 0 && y + BADGE <= height;
    if (inside && !taken.some((other) => overlaps(place, other))) return place;
  }
  return null;
}

const overlaps = (a, b) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

/**
 * Draw a line from each source to each of its matches, behind every face.
 *
 * pairs: [{from, to: rectangles, verdict, key}]; faces: the rectangles of all faces; stage: the rectangle of the svg.
 */
export function drawLines(svg, stage, pairs, faces) {
  svg.setAttribute("viewBox", `0 0 ${stage.width} ${stage.height}`);
  // One path with the even-odd rule is much cheaper to paint than a mask with a shape for each face.
  const around = ({ x, y, width, height }) => `M${x} ${y}h${width}v${height}h${-width}z`;
  const clip = shape("clipPath", { id: "beside-faces" });
  const d = [{ x: 0, y: 0, ...sizeOf(stage) }, ...faces.map((face) => moved(face, stage))].map(around).join("");
  clip.append(shape("path", { d, "clip-rule": "evenodd" }));
  const lines = shape("g", { "clip-path": "url(#beside-faces)" });
  for (const { from, to, verdict, key } of pairs) {
    const d = pathBetween(moved(from, stage), moved(to, stage));
    lines.append(shape("path", { class: "halo", d }), shape("path", { class: `line ${verdict}`, d, "data-key": key }));
  }
  svg.replaceChildren(clip, lines);
}

const sizeOf = ({ width, height }) => ({ width, height });

const moved = (box, stage) => ({ x: box.x - stage.x, y: box.y - stage.y, width: box.width, height: box.height });

/** A curve from the edge of one box to the edge of the other: sideways if they are side by side, else down. */
function pathBetween(from, to) {
  const [fromY, toY] = [from, to].map((box) => box.y + box.height / 2);
  if (to.x >= from.x + from.width) {
    const [x1, x2] = [from.x + from.width, to.x];
    const bend = (x2 - x1) / 2;
    return `M${x1} ${fromY}C${x1 + bend} ${fromY} ${x2 - bend} ${toY} ${x2} ${toY}`;
  }
  const [fromX, toX] = [from, to].map((box) => box.x + box.width / 2);
  const [y1, y2] = [from.y + from.height, to.y];
  const bend = (y2 - y1) / 2;
  return `M${fromX} ${y1}C${fromX} ${y1 + bend} ${toX} ${y2 - bend} ${toX} ${y2}`;
}

/** Draw the axis once: the points of the scale with their rates. */
export function drawAxis(svg, scale) {
  const at = (similarity) => `${similarity}%`;
  const ticks = scale.filter(([similarity]) => similarity > 0).map(([similarity, rate]) => {
    const tick = shape("g", { class: `tick at-${similarity}` });
    const number = Object.assign(shape("text", { x: at(similarity), y: 70 }), { textContent: similarity });
    const times = Object.assign(shape("text", { class: "rate", x: at(similarity), y: 86 }), {
      textContent: `1 in ${Math.round(1 / rate).toLocaleString("en")}`,
    });
    tick.append(shape("line", { x1: at(similarity), x2: at(similarity), y1: 42, y2: 48 }), number, times);
    return tick;
  });
  svg.replaceChildren(
    shape("rect", { class: "band", y: 22, height: 20, x: 0, width: 0 }),
    shape("line", { class: "base", x1: "0%", x2: "100%", y1: 42, y2: 42 }),
    ...ticks,
    shape("g", { class: "dots" }),
  );
}

/** Draw a dot for each face on the axis, stacked where they are dense. faces: [{similarity, verdict, key}]. */
export function drawDots(svg, faces) {
  const heights = new Map();
  const dots = faces.map(({ similarity, verdict, key }) => {
    const cell = Math.round(similarity * 1.2);
    const height = heights.get(cell) ?? 0;
    heights.set(cell, height + 1);
    return shape("circle", { class: `dot ${verdict}`, "data-key": key, cx: `${similarity}%`, cy: Math.max(5, 36 - 7 * height), r: 4 });
  });
  svg.querySelector(".dots").replaceChildren(...dots);
}
