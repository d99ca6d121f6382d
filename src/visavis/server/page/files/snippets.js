// The request as code to copy. Names of files are strangers' text, so each language quotes them.

const json = (text) => JSON.stringify(text);

/** A word of a POSIX shell. */
const shell = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/** A name of a file that no option and no URL can be mistaken for. */
const path = (name) => (/^[\w][^:]*$/.test(name) ? name : `./${name}`);

/**
 * The request in each language.
 *
 * request: {source, target: names of files, threshold, filter}; server: {url, region, verifies}.
 */
export function snippets(request, server) {
  const { threshold, filter } = request;
  const source = path(request.source);
  const target = path(request.target);
  const filtered = filter !== "NONE";
  return {
    boto3: [
      "import boto3",
      "",
      "client = boto3.client(",
      '    "rekognition",',
      `    endpoint_url=${json(server.url)},`,
      `    region_name=${json(server.region)},`,
      ...(server.verifies
        ? []
        : ['    aws_access_key_id="any",  # boto3 needs a pair of keys, this server none', '    aws_secret_access_key="any",']),
      ")",
      "answer = client.compare_faces(",
      `    SourceImage={"Bytes": open(${json(source)}, "rb").read()},`,
      `    TargetImage={"Bytes": open(${json(target)}, "rb").read()},`,
      `    SimilarityThreshold=${threshold},`,
      ...(filtered ? [`    QualityFilter=${json(filter)},`] : []),
      ")",
      'for match in answer["FaceMatches"]:',
      '    print(match["Similarity"], match["Face"]["BoundingBox"])',
    ].join("\n"),
    cli: [
      `aws rekognition compare-faces --endpoint-url ${shell(server.url)} --region ${server.region}${server.verifies ? "" : " --no-sign-request"} \\`,
      `    --source-image-bytes ${shell(`fileb://${source}`)} \\`,
      `    --target-image-bytes ${shell(`fileb://${target}`)} \\`,
      `    --similarity-threshold ${threshold}${filtered ? ` --quality-filter ${filter}` : ""}`,
    ].join("\n"),
    javascript: [
      'import { readFile } from "node:fs/promises";',
      'import { CompareFacesCommand, RekognitionClient } from "@aws-sdk/client-rekognition";',
      "",
      "const client = new RekognitionClient({",
      `  endpoint: ${json(server.url)},`,
      `  region: ${json(server.region)},`,
      ...(server.verifies ? [] : ['  credentials: { accessKeyId: "any", secretAccessKey: "any" },']),
      "});",
      "const answer = await client.send(new CompareFacesCommand({",
      `  SourceImage: { Bytes: await readFile(${json(source)}) },`,
      `  TargetImage: { Bytes: await readFile(${json(target)}) },`,
      `  SimilarityThreshold: ${threshold},`,
      ...(filtered ? [`  QualityFilter: ${json(filter)},`] : []),
      "}));",
      "console.log(answer.FaceMatches);",
    ].join("\n"),
    curl: [
      // The shell's printf takes arguments of any length, unlike a program.
      `printf '{"SourceImage":{"Bytes":"%s"},"TargetImage":{"Bytes":"%s"},"SimilarityThreshold":${threshold}${filtered ? `,"QualityFilter":"${filter}"` : ""}}' \\`,
      `    "$(base64 < ${shell(source)} | tr -d '\\n')" "$(base64 < ${shell(target)} | tr -d '\\n')" |`,
      `curl --data-binary @- \\`,
      `    -H 'Content-Type: application/x-amz-json-1.1' -H 'X-Amz-Target: RekognitionService.CompareFaces' \\`,
      ...(server.verifies
        ? [
            `    --aws-sigv4 aws:amz:${server.region}:rekognition --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \\`,
            ...(server.temporary ? ['    -H "X-Amz-Security-Token: $AWS_SESSION_TOKEN" \\'] : []),
          ]
        : []),
      `    ${shell(server.url)}`,
    ].join("\n"),
  };
}

/** JSON with line breaks and indents, its numbers exactly as they were sent. */
export function indented(text) {
  let depth = 0;
  const line = () => `\n${"  ".repeat(depth)}`;
  return text.replace(/"(?:[^"\\]|\\.)*"|[{}[\],:]/g, (token) => {
    if (token === ",") return `,${line()}`;
    if (token === ":") return ": ";
    if (token === "{" || token === "[") {
      depth += 1;
      return token + line();
    }
    if (token === "}" || token === "]") {
      depth -= 1;
      return line() + token;
    }
    return token;
  }).replace(/\[\s+\]/g, "[]").replace(/\{\s+\}/g, "{}");
}
