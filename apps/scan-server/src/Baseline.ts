/**
 * Findings that are known: a scan sets them aside, and tells of new ones. A file of fingerprints, which go by rule, path and secret; a
 * finding that only moved in its file stays known. Without the key (`FingerprintKey`) the file says nothing about the secrets.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import type { Finding } from "./Finding.ts"
import { nameOfKey } from "./internal/nodeRandom.ts"

/** A baseline cannot be used. */
export class BaselineInvalid
  extends Data.TaggedError("BaselineInvalid")<{ readonly file: string; readonly problem: string }>
{
  override get message(): string {
    return `baseline ${this.file}: ${this.problem}`
  }
}

const File = Schema.fromJsonString(Schema.Struct({
  version: Schema.Literal(1),
  /** Which key the fingerprints are made with. */
  key: Schema.String,
  fingerprints: Schema.Array(Schema.String)
}))

/** The fingerprints of a file. Fails with `BaselineInvalid`. */
export const load = Effect.fn("Baseline.load")(function*(file: string, key: string) {
  const fail = (problem: string) => new BaselineInvalid({ file, problem })
  const text = yield* FileSystem.FileSystem.pipe(
    Effect.flatMap((fs) => fs.readFileString(file)),
    Effect.mapError(({ reason }) =>
      fail(reason._tag === "NotFound" ? "there is no such file; make it with --write-baseline" : "it cannot be read")
    )
  )
  const { fingerprints, key: name } = yield* Effect.mapError(
    Schema.decodeEffect(File)(text),
    () => fail("this is no baseline; make it with --write-baseline")
  )
  if (name !== nameOfKey(key)) {
    return yield* fail(
      "it was made with another key, so that nothing in it can be known; give that key, or make it again"
    )
  }
  return new Set(fingerprints)
})

/** Makes a file of what was found. Fails with `BaselineInvalid`. */
export const write = Effect.fn("Baseline.write")(
  function*(file: string, key: string, findings: ReadonlyArray<Finding>) {
    const fs = yield* FileSystem.FileSystem
    const fingerprints = [...new Set(findings.map(({ fingerprint }) => fingerprint))].toSorted()
    const content = JSON.stringify({ version: 1, key: nameOfKey(key), fingerprints }, undefined, 2)
    yield* Effect.mapError(
      fs.writeFileString(file, `${content}\n`),
      ({ message }) => new BaselineInvalid({ file, problem: `it cannot be written: ${message}` })
    )
  }
)
