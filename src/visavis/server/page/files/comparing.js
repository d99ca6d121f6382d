// Asks the server about the photos, and joins the answers to several sources.

import { call, ServiceError } from "./client.js";
import { base64 } from "./photos.js";

const details = new WeakMap(); // photo -> promise of its FaceDetails

/** A photo that cannot be compared, with the reason in words. */
export class PhotoTrouble extends Error {
  constructor(photo, message) {
    super(message);
    this.photo = photo;
  }
}

/**
 * Compare each source with the target, at threshold 0, so that one answer serves every threshold.
 *
 * Returns {answers: [{source, box, text}], faces, troubles: [PhotoTrouble]}. A face of the target is {number, key, box,
 * face: as in the response, similarities: one a source or null, best}; the highest similarity comes first.
 */
export async function compareAll(sources, target, filter, options) {
  const targetBytes = await base64(target);
  const answers = [];
  const troubles = [];
  for (const source of sources) {
    const members = { SourceImage: { Bytes: await base64(source) }, TargetImage: { Bytes: targetBytes }, SimilarityThreshold: 0 };
    if (filter !== "NONE") members.QualityFilter = filter;
    try {
      const text = await call("CompareFaces", members, options);
      answers.push({ source, text, response: JSON.parse(text) });
    } catch (error) {
      if (!(error instanceof ServiceError && error.code === "InvalidParameterException")) throw error;
      const trouble = await explained(source, target, filter, options);
      if (trouble.photo === target) throw trouble;
      troubles.push(trouble);
    }
  }
  return {
    answers: answers.map(({ source, text, response }) => ({ source, text, box: response.SourceImageFace.BoundingBox })),
    faces: joined(answers.map(({ response }) => response)),
    troubles,
  };
}

/** The faces of the target in all answers, which describe the same faces, with the similarity to each source. */
function joined(responses) {
  const faces = new Map();
  responses.forEach((response, i) => {
    const found = [...response.FaceMatches.map(({ Similarity, Face }) => [Face, Similarity]), ...response.UnmatchedFaces.map((face) => [face, 0])];
    for (const [face, similarity] of found) {
      const name = JSON.stringify(face.BoundingBox);
      if (!faces.has(name)) faces.set(name, { box: face.BoundingBox, face, similarities: responses.map(() => null) });
      faces.get(name).similarities[i] = similarity;
    }
  });
  const all = [...faces.values()].map((face) => ({ ...face, best: Math.max(...face.similarities) }));
  all.sort((a, b) => b.best - a.best);
  return all.map((face, i) => ({ ...face, number: i + 1, key: `t${i + 1}` }));
}

/** The photo because of which Amazon's text says only "Request has invalid parameters", with the reason. */
async function explained(source, target, filter, options) {
  const filtered = filter === "NONE" ? "" : ` Faces of quality below ${filter} are left out: choose none there.`;
  for (const photo of [source, target]) {
    const found = await detailsOf(photo, options);
    if (found?.length === 0) return new PhotoTrouble(photo, "No face was found. Choose a photo in which a face is larger, sharper or turned to the camera.");
  }
  return new PhotoTrouble(source, `The service cannot compare this photo.${filtered || " Choose another one."}`);
}

/**
 * The FaceDetails of a photo, asked for once; null if the key may not call DetectFaces, or the request failed.
 *
 * CompareFaces sends only the box of a source's face.
 */
export async function detailsOf(photo, options) {
  if (!details.has(photo)) {
    const members = { Image: { Bytes: await base64(photo) }, Attributes: ["ALL"] };
    try {
      details.set(photo, JSON.parse(await call("DetectFaces", members, options)).FaceDetails);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      return null;
    }
  }
  return details.get(photo);
}

/** The FaceDetail that a box belongs to. */
export function faceAt(box, faces) {
  const distance = ({ BoundingBox: other }) => ["Left", "Top", "Width", "Height"].reduce((sum, name) => sum + Math.abs(box[name] - other[name]), 0);
  return faces.reduce((best, face) => (best && distance(best) <= distance(face) ? best : face), null);
}
