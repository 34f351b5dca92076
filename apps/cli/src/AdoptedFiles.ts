/** What is kept of files that were adopted: a copy as each was before, and what was changed. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as path from "node:path"
import type { AdoptedEntry } from "./hosts/Adoption.ts"
import * as configFiles from "./internal/configFiles.ts"

const Kept = Schema.fromJsonString(Schema.Struct({
  file: Schema.String,
  host: Schema.String,
  /** Digests of the file before and after. */
  before: Schema.String,
  after: Schema.String,
  entries: Schema.Array(
    Schema.Struct({ path: Schema.Array(Schema.Union([Schema.String, Schema.Int])), hadArgs: Schema.Boolean })
  )
}))

export interface Adopted {
  readonly host: string
  readonly before: string
  readonly after: string
  readonly entries: ReadonlyArray<AdoptedEntry>
  readonly copy: string
  /** The file as it was. */
  readonly bytes: Buffer
}

const names = { copy: "before", record: "record.json" } as const

/** What is known of a file. Throws `FileFault`. */
export const find = (file: string): Adopted | undefined => {
  const folder = configFiles.adoptedFolder(file)
  const record = configFiles.read(path.join(folder, names.record))
  const copy = path.join(folder, names.copy)
  const bytes = configFiles.readBytes(copy)
  if (record === undefined || bytes === undefined) return undefined
  const kept = Schema.decodeResult(Kept)(record.text)
  // A record that cannot be read is none; the copy stays.
  return Result.isFailure(kept) ? undefined : { ...kept.success, copy, bytes }
}

/** Remembers an adoption, before the file is written. Throws `FileFault`. */
export const remember = (
  file: string,
  host: string,
  before: Buffer,
  after: Buffer,
  entries: ReadonlyArray<AdoptedEntry>
): string => {
  const folder = configFiles.adoptedFolder(file)
  const record = { file, host, before: configFiles.digestOf(before), after: configFiles.digestOf(after), entries }
  configFiles.keep(folder, { [names.copy]: before, [names.record]: Buffer.from(`${JSON.stringify(record)}\n`) })
  return path.join(folder, names.copy)
}

/** Throws `FileFault`. */
export const forget = (file: string): void => configFiles.forget(configFiles.adoptedFolder(file))
