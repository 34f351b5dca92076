/**
 * The one place of this package that asks Node for files, the environment, the working directory and the machine.
 *
 * It is not Effect's FileSystem so that `layerFile` is complete: a program on Node provides nothing else.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { Buffer } from "node:buffer"
import { createReadStream } from "node:fs"
import * as fs from "node:fs/promises"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { parseEnv } from "node:util"
import { isNativeError } from "node:util/types"

/** A file that cannot be read. `code` is the operating system's, such as ENOENT. */
export class FileUnreadable extends Data.TaggedError("FileUnreadable")<{
  readonly path: string
  readonly code: string
}> {}

/** The whole file, unless it is longer than `limit` bytes: then the code is EFBIG. Pipes and devices are read like files. */
export const readBytes = (path: string, limit: number): Effect.Effect<Uint8Array, FileUnreadable> =>
  Effect.callback((resume) => {
    const chunks: Array<Uint8Array> = []
    const fail = (code: string): void => resume(Effect.fail(new FileUnreadable({ path, code })))
    // One byte more than allowed is enough to know.
    const stream = createReadStream(path, { end: limit })
      .on("data", (chunk) => void chunks.push(Buffer.from(chunk)))
      .once("end", () => {
        const bytes = Buffer.concat(chunks)
        if (bytes.length > limit) fail("EFBIG")
        else resume(Effect.succeed(bytes))
      })
      .once("error", (error) => fail(codeOf(error)))
    return Effect.sync(() => void stream.destroy())
  })

/** Variables from a file of `NAME=value` lines. */
export const readEnvironmentFile = (
  path: string
): Effect.Effect<Readonly<Record<string, string | undefined>>, FileUnreadable> =>
  Effect.map(readTextFile(path), (text) => parseEnv(text.replace(/^\uFEFF/, "")))

/** Whether there is a folder at the path. */
export const isFolder = (path: string): Effect.Effect<boolean> =>
  Effect.orElseSucceed(
    Effect.map(Effect.tryPromise(() => fs.stat(path)), (found) => found.isDirectory()),
    () => false
  )

/** The whole file as UTF-8 text. */
export const readTextFile = (path: string): Effect.Effect<string, FileUnreadable> =>
  Effect.tryPromise({
    try: (signal) => fs.readFile(path, { encoding: "utf8", signal }),
    catch: (error) => new FileUnreadable({ path, code: codeOf(error) })
  })

/** The environment of this process, as it is now. */
export const environment: Effect.Effect<Readonly<Record<string, string | undefined>>> = Effect.sync(() => process.env)

/** The working directory of this process. */
export const workingDirectory: Effect.Effect<string> = Effect.sync(() => process.cwd())

/** How many processors this process may use. */
export const processors: Effect.Effect<number> = Effect.sync(() => availableParallelism())

const codeOf = (error: unknown): string =>
  isNativeError(error) && "code" in error && typeof error.code === "string" ? error.code : "unknown"

/**
 * Writes a text into a new file of a folder, which is made if it is missing, and removes the oldest recordings beyond `keep`. Both for this
 * user alone. Succeeds with the file's path: where one of that name is there already, it gets a number.
 */
export const saveRecording = (
  folder: string,
  name: string,
  text: string,
  keep: number
): Effect.Effect<string, FileUnwritable> => {
  const stem = name.slice(0, -recordingSuffix.length)
  const saved = (number: number): Effect.Effect<string, FileUnwritable> => {
    const path = join(folder, number === 1 ? name : `${stem}-${number}${recordingSuffix}`)
    return Effect.tryPromise({
      try: () => fs.writeFile(path, text, { flag: "wx", mode: 0o600 }),
      catch: (error) => new FileUnwritable({ path, code: codeOf(error) })
    }).pipe(
      Effect.as(path),
      Effect.catchIf(({ code }) => code === "EEXIST" && number < 1000, () => saved(number + 1))
    )
  }
  const unwritable = (error: unknown) => new FileUnwritable({ path: folder, code: codeOf(error) })
  // Only what was written here: a folder may hold other things.
  const tidied = Effect.tryPromise({ try: () => fs.readdir(folder), catch: unwritable }).pipe(
    Effect.map((names) => names.filter((each) => isRecording.test(each)).toSorted()),
    Effect.flatMap((names) =>
      Effect.forEach(
        names.slice(0, Math.max(0, names.length - keep)),
        (each) => Effect.tryPromise({ try: () => fs.rm(join(folder, each), { force: true }), catch: unwritable }),
        { discard: true }
      )
    )
  )
  const made = Effect.tryPromise({
    try: () => fs.mkdir(folder, { recursive: true, mode: 0o700 }),
    catch: unwritable
  })
  return Effect.andThen(made, Effect.tap(saved(1), tidied))
}

/** A file that cannot be written. `code` is the operating system's, such as ENOSPC. */
export class FileUnwritable extends Data.TaggedError("FileUnwritable")<{
  readonly path: string
  readonly code: string
}> {}

const recordingSuffix = ".ndjson"
const isRecording = /^\d{4}-\d\d-\d\dT\d{6}-\d{3}Z-.+\.ndjson$/
