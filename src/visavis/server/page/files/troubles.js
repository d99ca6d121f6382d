// Errors in words that say what to do next.

const MIB = 1024 * 1024;

/** The most bytes that the operations accept in an image. */
export const MAX_BYTES = 5 * MIB;

/** The smallest side of an image, in pixels. */
export const MIN_SIDE = 80;

const SIGNATURE = "Check the access key id, the secret and the region: the server did not accept the signature.";

const WORDS = {
  NoAnswer: "The server does not answer. Check that visavis serve still runs, and try again.",
  InvalidImageFormatException: "A photo cannot be read. Save it again as JPEG or PNG, and choose the new file.",
  ImageTooLargeException: "A photo is too large for the service. Make it smaller, and choose the new file.",
  RequestEntityTooLargeException: "The photos are too large for one request. Make them smaller, and choose the new files.",
  ThrottlingException: "The server is busy. Wait a moment, and try again.",
  ProvisionedThroughputExceededException: "This key has used up its requests for this second. Wait a moment, and try again.",
  AccessDeniedException: "This key may not compare faces: its policy does not allow rekognition:CompareFaces. Use another key, or have the policy changed.",
  MissingAuthenticationTokenException: "This server answers only signed requests. Enter an access key.",
  UnrecognizedClientException: "The server does not know this access key id, or the session token is not that of the key. Check both.",
  InvalidSignatureException: SIGNATURE,
  IncompleteSignatureException: SIGNATURE,
  ExpiredTokenException: "This key has expired. Enter another one.",
  HostNotAllowedException: "The server does not answer under this host name. Start it with --allow-host and the name.",
  InternalServerError: "The server failed. Its log says why; the request id is in the browser's network view.",
};

/** Whether an error is about the key, so that another key may help. */
export const isAboutKey = (error) =>
  /^(MissingAuthenticationToken|UnrecognizedClient|InvalidSignature|IncompleteSignature|ExpiredToken|AccessDenied)/.test(error.code);

/** An error of the service in words. */
export function wordsFor(error) {
  if (/Signature (expired|not yet current)/.test(error.message)) {
    return "The clocks of this machine and the server differ by more than five minutes. Set them, and try again.";
  }
  return WORDS[error.code] ?? `The server answered ${error.code}${error.message ? `: ${error.message}` : ""}`;
}

/** What is wrong with a file before it is sent, in words; null if nothing is. head: its first bytes. */
export function faultOf(file, head) {
  const starts = (...bytes) => bytes.every((byte, i) => head[i] === byte);
  const text = String.fromCharCode(...head);
  if (file.size === 0) return "The file is empty. Choose another one.";
  const brand = text.slice(4, 8) === "ftyp" ? text.slice(8, 12) : "";
  if (/^(hei|hev|mif|msf)/.test(brand)) {
    return "This is a HEIC photo, which the service does not accept. Export it as JPEG; on an iPhone set Camera, Formats to Most Compatible.";
  }
  if (brand.startsWith("avi")) return "This is an AVIF picture. Save it as JPEG or PNG, and choose the new file.";
  if (text.startsWith("RIFF") && text.slice(8, 12) === "WEBP") return "This is a WebP picture. Save it as JPEG or PNG, and choose the new file.";
  if (text.startsWith("GIF8")) return "This is a GIF. Save one picture of it as JPEG or PNG, and choose the new file.";
  if (text.startsWith("%PDF")) return "This is a PDF. Export the picture in it as JPEG or PNG, and choose the new file.";
  if (!starts(0xff, 0xd8, 0xff) && !starts(0x89, 0x50, 0x4e, 0x47)) return "This is not a photo. Choose a JPEG or PNG file.";
  if (file.size > MAX_BYTES) {
    return `This photo has ${(file.size / MIB).toFixed(1)} MiB; the service accepts 5 MiB in a request. Save it smaller or with a lower JPEG quality, and choose the new file.`;
  }
  return null;
}
